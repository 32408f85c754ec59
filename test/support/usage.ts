/** What a script of `npm run` does with arguments: `--help` and mistakes end it before it does anything. */

/** What `parse` makes of the arguments. `--help` prints `usage` and exits with 0; what `parse` throws is told, with 2. */
export function argumentsOr<T>(usage: string, parse: () => T): T {
  if (process.argv.slice(2).some((one) => one === '--help' || one === '-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parse();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}
