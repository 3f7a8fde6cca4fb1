"use strict";
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// What a browser keeps for pages opened from disk; where it keeps nothing, the page works without.
function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}
function remember(key, text) {
  try { text === null ? localStorage.removeItem(key) : localStorage.setItem(key, text); } catch { /* as above */ }
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
function setTheme(name) {
  if (name === "dark" || name === "light") document.documentElement.dataset.theme = name;
}
setTheme(recall("broll theme"));

function watchTheme() {
  const button = one("#theme");
  const show = () => button.setAttribute("aria-pressed", isDark());
  button.addEventListener("click", () => {
    setTheme(isDark() ? "light" : "dark");
    remember("broll theme", document.documentElement.dataset.theme);
    show();
  });
  dark.addEventListener("change", show);
  show();
}

// Letters compared without case and accents: "cafe" finds "Café".
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const split = (query) => fold(query).split(/\s+/).filter(Boolean);

// Marks what was found without touching the document, where the browser can.
function paintFound(words, roots) {
  if (!window.Highlight || !CSS.highlights) return;
  const ranges = words.length ? roots.flatMap((root) => findRanges(root, words)) : [];
  CSS.highlights.set("found", new Highlight(...ranges));
}
function findRanges(root, words) {
  const ranges = [], walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = fold(node.data);
    if (text.length !== node.data.length) continue; // folding moved the letters: leave this text unpainted
    for (const word of words)
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + word.length);
        ranges.push(range);
      }
  }
  return ranges;
}
