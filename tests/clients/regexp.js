// regexp.js - JavaScript's own answer: reads [pattern, texts] as JSON, one a line, writes null where
// the pattern is none with the u flag, else which of the texts it matches somewhere, with null
// for a long text that takes too long.
const vm = require("vm");
const lines = require("readline").createInterface({ input: process.stdin });
const context = vm.createContext({});

function matches(regexp, text) {
  if (text.length < 100) return regexp.test(text);
  context.regexp = regexp;
  context.text = text;
  try {
    return vm.runInContext("regexp.test(text)", context, { timeout: 500 });
  } catch (error) {
    return null;
  }
}

lines.on("line", (line) => {
  const [pattern, texts] = JSON.parse(line);
  let regexp = null;
  try {
    regexp = new RegExp(pattern, "u");
  } catch (error) {}
  console.log(JSON.stringify(regexp && texts.map((text) => matches(regexp, text))));
});
