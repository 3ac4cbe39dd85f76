// Reads flowcharts from files with Mermaid's own parser, and says of each how
// many nodes and arrows there are. The packages are those below the folder that
// the first argument names.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);

// The parser cleans labels with the means of a browser.
const { JSDOM } = await load("jsdom");
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;

const { default: mermaid } = await load("mermaid");
mermaid.initialize({ startOnLoad: false, maxEdges: 100000, maxTextSize: 100000000 });
for (const file of files) {
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(readFileSync(file, "utf8"));
    const { nodes, edges } = diagram.db.getData({});
    const red = edges.filter((edge) => JSON.stringify(edge).includes("#cf222e"));
    console.log(JSON.stringify({
        nodes: nodes.length,
        edges: edges.length,
        red: red.length,
        first: nodes.length ? nodes[0].label : "",
    }));
}
