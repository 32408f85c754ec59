/** Finds certificates and private keys: as files, inside files, and as options of TLS calls. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import ts from 'typescript';

const EXTENSIONS = new Set(
  '.pem .crt .cer .der .csr .crl .key .p12 .pfx .p7b .p7c .p8 .jks .keystore'.split(' '),
);
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git']);
const TLS_MODULES = /^(?:node:)?(?:tls|https|http2)$/;
const CONTEXT_METHODS = new Set(['addContext', 'setSecureContext']);
const FORBIDDEN = new Set(['cert', 'key', 'pfx', 'crl', 'passphrase', 'privateKeyIdentifier']);

/** All files under a folder, without what others made. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : entry.isFile() ? [path] : [];
  });
}

/** Why this file is, or holds, a certificate or a private key; undefined when it does not. */
export function certificateIn(file: string): string | undefined {
  if (EXTENSIONS.has(extname(file).toLowerCase())) return 'the file name';
  const octets = readFileSync(file);
  const text = octets.toString('latin1');
  const label = /-----BEGIN [A-Z0-9 ]+-----/.exec(text);
  if (label) return label[0];
  if (isDer(octets)) return 'DER';
  const encoded = [...text.matchAll(/(?<![A-Za-z0-9+/])MI[A-Za-z0-9+/\r\n]{60,}/g)];
  return encoded.some(([match]) => isDer(Buffer.from(match, 'base64')))
    ? 'DER in base64'
    : undefined;
}

/** X.509, PKCS #1, PKCS #8, SEC 1 and PKCS #12, by how their first octets must be. */
function isDer(octets: Buffer): boolean {
  const outer = sequenceIn(octets);
  const inner = outer && sequenceIn(outer);
  return startsWith(outer, KEY_HEAD) || startsWith(inner, CERTIFICATE_HEAD);
}

/** INTEGER 0 and an algorithm or a modulus, 1 and a private key, 3 and the contents. */
const KEY_HEAD = /^0201(?:00(?:30|02)|0104|0330)/;
/** [0] version, of a TBSCertificate. */
const CERTIFICATE_HEAD = /^a0030201/;

function startsWith(octets: Buffer | undefined, head: RegExp): boolean {
  return octets !== undefined && head.test(octets.subarray(0, 8).toString('hex'));
}

function sequenceIn(octets: Buffer): Buffer | undefined {
  if (octets.length < 8 || octets[0] !== 0x30) return undefined;
  const length = octets.readUInt8(1);
  return octets.subarray(length < 0x80 ? 2 : 2 + (length & 0x7f));
}

/**
 * Options of TLS calls in these TypeScript sources (by file name) that set a certificate or a key:
 * `cert`, `key`, `pfx` and the like, or a `ca` that is not `[]`. Spreads of variables and of calls
 * to functions of the project are followed.
 */
export function certificateOptionsIn(sources: ReadonlyMap<string, string>): string[] {
  const files = [...sources].map(([name, text]) =>
    ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true),
  );
  const functions = new Map<string, ts.FunctionLikeDeclaration[]>();
  for (const file of files) {
    visit(file, (node) => {
      if (ts.isFunctionDeclaration(node) && node.name) {
        functions.set(node.name.text, [...(functions.get(node.name.text) ?? []), node]);
      }
    });
  }
  return files.flatMap((file) => {
    const found: string[] = [];
    const names = tlsNamesOf(file);
    visit(file, (node) => {
      if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return;
      if (!isTlsCallee(node.expression, names)) return;
      for (const argument of node.arguments ?? []) inspect(argument, file, new Set());
    });
    return found;

    function inspect(node: ts.Node, within: ts.SourceFile, seen: Set<ts.Node>): void {
      if (seen.has(node)) return;
      seen.add(node);
      if (ts.isObjectLiteralExpression(node)) {
        for (const property of node.properties) inspect(property, within, seen);
      } else if (ts.isSpreadAssignment(node) || ts.isParenthesizedExpression(node)) {
        inspect(node.expression, within, seen);
      } else if (ts.isConditionalExpression(node)) {
        inspect(node.whenTrue, within, seen);
        inspect(node.whenFalse, within, seen);
      } else if (ts.isBinaryExpression(node)) {
        inspect(node.right, within, seen);
      } else if (ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node)) {
        const name = ts.isComputedPropertyName(node.name) ? '' : node.name.text;
        const value = ts.isPropertyAssignment(node) ? node.initializer : node.name;
        const emptyList = ts.isArrayLiteralExpression(value) && value.elements.length === 0;
        if (FORBIDDEN.has(name) || (name === 'ca' && !emptyList)) {
          found.push(`${within.fileName}: ${node.getText(within)}`);
        }
      } else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
        for (const called of functions.get(node.expression.text) ?? []) {
          for (const result of resultsOf(called)) inspect(result, result.getSourceFile(), seen);
        }
      } else if (ts.isIdentifier(node)) {
        visit(within, (other) => {
          if (!ts.isVariableDeclaration(other) || !other.initializer) return;
          if (ts.isIdentifier(other.name) && other.name.text === node.text) {
            inspect(other.initializer, within, seen);
          }
        });
      }
    }
  });
}

/** What a function returns, not what functions inside it return. */
function resultsOf(declaration: ts.FunctionLikeDeclaration): ts.Expression[] {
  const results: ts.Expression[] = [];
  const walk = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) return;
    if (ts.isReturnStatement(node) && node.expression) results.push(node.expression);
    ts.forEachChild(node, walk);
  };
  if (declaration.body) ts.forEachChild(declaration.body, walk);
  return results;
}

/** The names that a file gives to the TLS modules and to what it imports from them. */
function tlsNamesOf(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier))
      continue;
    if (!TLS_MODULES.test(statement.moduleSpecifier.text)) continue;
    const { name, namedBindings } = statement.importClause ?? {};
    if (name) names.add(name.text);
    if (namedBindings && ts.isNamespaceImport(namedBindings)) names.add(namedBindings.name.text);
    if (namedBindings && ts.isNamedImports(namedBindings)) {
      for (const element of namedBindings.elements) names.add(element.name.text);
    }
  }
  return names;
}

function isTlsCallee(callee: ts.Expression, names: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(callee)) return names.has(callee.text);
  if (!ts.isPropertyAccessExpression(callee)) return false;
  if (CONTEXT_METHODS.has(callee.name.text)) return true;
  return ts.isIdentifier(callee.expression) && names.has(callee.expression.text);
}

function visit(node: ts.Node, action: (node: ts.Node) => void): void {
  action(node);
  ts.forEachChild(node, (child) => {
    visit(child, action);
  });
}
