// powershell.mjs - parses PowerShell scripts, without running them: one line for each error.
// usage: node powershell.mjs FILE...
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { Language, Parser } from 'web-tree-sitter';

await Parser.init();
const grammar = createRequire(import.meta.url).resolve('tree-sitter-powershell/tree-sitter-powershell.wasm');
const parser = new Parser();
parser.setLanguage(await Language.load(grammar));

function report(file, node) {
    if (node.isError || node.isMissing) {
        const { row, column } = node.startPosition;
        const what = node.isMissing ? `${node.type} is missing` : `not understood: ${node.text.split('\n')[0].slice(0, 60)}`;
        console.log(`${file}:${row + 1}:${column + 1}: ${what}`);
    } else if (node.hasError) {
        node.children.forEach((child) => report(file, child));
    }
}

for (const file of process.argv.slice(2)) {
    report(file, parser.parse(fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '')).rootNode);
}
