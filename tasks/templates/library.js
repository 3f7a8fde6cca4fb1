document.addEventListener("DOMContentLoaded", () => {
  all(".js").forEach((element) => { element.hidden = false; });
  watchTheme();
  const grid = one(".grid"), query = one("#query"), day = 86400;
  if (!query) return;
  const videos = all(".video").map((card) => ({
    card, title: fold(card.dataset.title), made: Number(card.dataset.made), duration: Number(card.dataset.duration),
    list: one(".hits", card),
    scenes: all(".hits li", card).map((item) => ({ item, text: fold(item.textContent), style: item.dataset.style, said: one(".said", item), whole: one(".said", item).textContent })),
  }));

  // What was said around the first word found; the whole of it would bury the rest.
  function excerpt(text, words) {
    const found = words.map((word) => fold(text).indexOf(word)).filter((at) => at >= 0);
    if (!found.length) return "";
    const from = Math.max(0, Math.min(...found) - 60);
    return (from ? "… " : "") + text.slice(from, from + 180) + (from + 180 < text.length ? " …" : "");
  }
  function apply() {
    const words = split(query.value), style = one("#style").value, since = Number(one("#since").value);
    const searching = words.length > 0 || style !== "", oldest = since ? Date.now() / 1000 - since * day : -Infinity;
    let scenes = 0, shown = 0;
    for (const { card, title, made, list, scenes: own } of videos) {
      const hits = searching ? own.filter((scene) => (!style || scene.style === style) && words.every((word) => scene.text.includes(word) || title.includes(word))) : [];
      const named = words.length > 0 && !style && words.every((word) => title.includes(word));
      card.hidden = made < oldest || (searching && !hits.length && !named);
      card.classList.toggle("open", searching && hits.length > 0);
      list.hidden = !(searching && hits.length);
      for (const { item, said, whole } of own) item.hidden = true;
      for (const { item, said, whole } of card.hidden ? [] : hits) {
        item.hidden = false;
        said.textContent = excerpt(whole, words);
        const image = one("img", item);
        if (image && !image.src) image.src = image.dataset.src;
        scenes += 1;
      }
      shown += !card.hidden;
    }
    one("#none").hidden = shown > 0;
    one("#count").textContent = searching ? `${scenes} scenes in ${shown} videos` : since ? `${shown} videos` : "";
    paintFound(words, all(".video:not([hidden]) .hits:not([hidden]) li:not([hidden])"));
  }
  function sort() {
    const by = one("#order").value;
    const compare = { made: (a, b) => b.made - a.made, title: (a, b) => a.title.localeCompare(b.title), duration: (a, b) => b.duration - a.duration }[by];
    grid.append(...[...videos].sort(compare).map((video) => video.card));
  }
  query.addEventListener("input", apply);
  ["#style", "#since"].forEach((selector) => one(selector).addEventListener("change", apply));
  one("#order").addEventListener("change", sort);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select")) {
      if (event.key === "Escape") { query.value = ""; apply(); event.target.blur(); }
    } else if (event.key === "/") { event.preventDefault(); query.focus(); query.select(); }
    else if (event.key === "t") one("#theme").click();
  });
  apply();
});
