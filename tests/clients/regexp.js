// regexp.js - JavaScript's own answer: reads [pattern, texts] as JSON, one a line, writes null where
// the pattern is none with the u flag, else which of the texts it matches somewhere.
const lines = require("readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [pattern, texts] = JSON.parse(line);
  let regexp = null;
  try {
    regexp = new RegExp(pattern, "u");
  } catch (error) {}
  console.log(JSON.stringify(regexp && texts.map((text) => regexp.test(text))));
});
