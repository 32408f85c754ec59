/** Looks at a drawing as text: is it well-formed, where does each text lie, what colours has it? */
import { widthOfText } from '../../bench/report/svg.ts';

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Down from the outermost transform. */
  readonly dy: number;
  content: string;
}

/** Every element in its order. @throws Error where the text is not well-formed XML of this simple kind. */
export function elementsOf(svg: string): readonly Element[] {
  const all: Element[] = [];
  const open: Element[] = [];
  let at = 0;
  for (const tag of svg.matchAll(/<(\/?)([a-z]+)((?:\s+[a-zA-Z-]+="[^"<]*")*)\s*(\/?)>/g)) {
    take(svg.slice(at, tag.index));
    at = tag.index + tag[0].length;
    const [, end = '', name = '', text = '', isEmpty = ''] = tag;
    if (end !== '') {
      if (open.pop()?.name !== name) throw new Error(`</${name}> ends what did not begin`);
      continue;
    }
    const attributes = Object.fromEntries(
      Array.from(text.matchAll(/([a-zA-Z-]+)="([^"]*)"/g), ([, key = '', value = '']) => [
        key,
        value,
      ]),
    );
    const shift = /translate\(0 ([\d.]+)\)/.exec(attributes['transform'] ?? '')?.[1] ?? '0';
    const element = { name, attributes, dy: (open.at(-1)?.dy ?? 0) + Number(shift), content: '' };
    all.push(element);
    if (isEmpty === '') open.push(element);
  }
  take(svg.slice(at));
  const [left] = open;
  if (left !== undefined) throw new Error(`<${left.name}> has no end`);
  return all;

  function take(text: string): void {
    if (/<|&(?!amp;|lt;|gt;)/.test(text)) throw new Error(`not well-formed: ${text.slice(0, 80)}`);
    const inside = open.at(-1);
    if (inside !== undefined) inside.content += text;
    else if (text.trim() !== '') throw new Error(`text outside: ${text.slice(0, 80)}`);
  }
}

export interface Box {
  readonly content: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where the letters of each text are, by the widest of its fonts. */
export function textBoxes(svg: string): readonly Box[] {
  return elementsOf(svg)
    .filter(({ name }) => name === 'text')
    .map(({ attributes, content, dy }) => {
      const size = Number(attributes['font-size'] ?? 14);
      const strong = attributes['class']?.includes('strong') ?? false;
      const plain = content.replaceAll(/&(?:amp|lt|gt);/g, '&');
      const width = widthOfText(plain, { size, strong });
      const anchor = attributes['text-anchor'] ?? 'start';
      const left =
        Number(attributes['x']) - (anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0);
      const baseline = Number(attributes['y']) + dy;
      return {
        ...{ content: plain, left, right: left + width },
        ...{ top: baseline - size * 0.75, bottom: baseline + size * 0.2 },
      };
    });
}

/** Pairs of texts that lie over one another. */
export function overlaps(boxes: readonly Box[]): string[] {
  return boxes.flatMap((a, i) =>
    boxes
      .slice(i + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b) => `${a.content} | ${b.content}`),
  );
}

/** Texts that are not wholly on the page. */
export function outside(svg: string): string[] {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? [];
  return textBoxes(svg)
    .filter(
      ({ left, right, top, bottom }) =>
        left < 0 || top < 0 || right > Number(width) || bottom > Number(height),
    )
    .map(({ content }) => content);
}

/** The fill of a class in either mode. */
export function fillsOf(
  svg: string,
  name: string,
): { readonly light: string; readonly dark: string } {
  const [style = ''] = /<style>[^]*<\/style>/.exec(svg) ?? [];
  const [light = '', dark = ''] = style.split('@media');
  const fill = (part: string): string =>
    [...part.matchAll(new RegExp(`\\.${name} \\{ fill: (#[0-9a-f]{6})`, 'g'))].at(-1)?.[1] ?? '';
  return { light: fill(light), dark: fill(dark) };
}

/** From 1 to 21 (WCAG 2.1, relative luminance). */
export function contrast(first: string, second: string): number {
  const [a, b] = [luminance(first), luminance(second)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((i) => {
    const part = parseInt(colour.slice(i, i + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
