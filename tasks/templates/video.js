document.addEventListener("DOMContentLoaded", () => {
  const scenes = all("article"), links = all(".film a"), body = document.body;
  const texts = scenes.map((scene) => fold(scene.textContent));
  const memory = `broll marks ${body.dataset.digest}`;
  const marks = readMarks();
  let here = 0, filter = "all", moved = 0;

  all(".js").forEach((element) => { element.hidden = false; });
  watchTheme();

  // --- marks ------------------------------------------------------------------------------------------------------
  function readMarks() {
    const known = new Set(scenes.map((scene) => scene.dataset.id));
    try {
      const kept = Object.entries(JSON.parse(recall(memory)) || {});
      return new Map(kept.filter(([id, mark]) => known.has(id) && mark && typeof mark === "object"));
    } catch { return new Map(); }
  }
  function toggleMark(scene, mark) {
    const id = scene.dataset.id, same = JSON.stringify(marks.get(id)) === JSON.stringify(mark);
    const asIs = mark.choose !== undefined && String(mark.choose) === scene.dataset.chosen;
    same || asIs ? marks.delete(id) : marks.set(id, mark);
    remember(memory, marks.size ? JSON.stringify(Object.fromEntries(marks)) : null);
    showMarks();
  }
  const nameMark = (mark) => (mark.choose !== undefined ? `choose ${mark.choose}` : Object.keys(mark)[0]);
  function showMarks() {
    scenes.forEach((scene, index) => {
      const mark = marks.get(scene.dataset.id), chosen = String(mark?.choose ?? scene.dataset.chosen);
      setData(scene, "mark", mark && nameMark(mark).split(" ")[0]);
      setData(links[index], "mark", mark && nameMark(mark));
      all("[data-act]", scene).forEach((button) => button.setAttribute("aria-pressed", Boolean(mark?.[button.dataset.act])));
      all("[data-choose]", scene).forEach((button) => {
        const is = button.dataset.choose === chosen;
        button.setAttribute("aria-pressed", is);
        button.firstChild.data = is ? "Chosen" : "Choose";
      });
    });
    one("#tray").hidden = !marks.size;
    body.classList.toggle("marked", marks.size > 0);
    const list = [...marks].map(([id, mark]) => `${id} ${nameMark(mark)}`).join(", ");
    one("#marks").textContent = marks.size ? `${marks.size} marked: ${list}` : "";
    one("#command").textContent = command();
    if (filter === "marked") applyFilter();
  }
  function setData(element, name, value) {
    if (element) value ? (element.dataset[name] = value) : delete element.dataset[name];
  }
  const edits = () => JSON.stringify({ video_digest: body.dataset.digest, scenes: Object.fromEntries(marks) }, null, 2) + "\n";
  const fileName = () => `${body.dataset.slug}.edits.json`;
  const quote = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);
  // The folder as a command has to name it: where the page lies, or its name alone where a server shows it.
  function folder() {
    if (location.protocol !== "file:") return body.dataset.slug;
    try { return decodeURIComponent(location.pathname).replace(/\/[^/]*$/, "") || "/"; } catch { return body.dataset.slug; }
  }
  all(".commands var").forEach((element) => { element.textContent = quote(folder()); });
  const command = () => `broll render ${quote(folder())} --edits ${quote(fileName())}`;
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([edits()], { type: "application/json" }));
    link.download = fileName();
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  async function copy(text, button) {
    const before = button.textContent;
    try { await navigator.clipboard.writeText(text); } catch { copyByHand(text); }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  }
  function copyByHand(text) {
    const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  // --- moving about -----------------------------------------------------------------------------------------------
  const visible = () => scenes.filter((scene) => !scene.hidden);
  function setHere(index) {
    here = index;
    scenes.forEach((scene, at) => scene.classList.toggle("here", at === index));
    links.forEach((link, at) => (at === index ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  }
  function goTo(scene) {
    if (!scene) return;
    moved = Date.now();
    setHere(scenes.indexOf(scene));
    scene.scrollIntoView({ block: "start" });
    scene.focus({ preventScroll: true });
    links[here]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  function step(by) {
    const shown = visible(), at = shown.indexOf(scenes[here]);
    goTo(shown[Math.min(Math.max(at + by, 0), shown.length - 1)]);
  }
  function followScroll() {
    if (Date.now() - moved < 800) return; // the page is still on its way to where a key sent it
    const line = (one(".strip")?.offsetHeight || 0) + 80;
    const shown = visible(), first = shown.find((scene) => scene.getBoundingClientRect().bottom > line);
    if (first) setHere(scenes.indexOf(first));
  }

  // --- search and filter --------------------------------------------------------------------------------------------
  function applyFilter() {
    const words = split(one("#query").value);
    scenes.forEach((scene, index) => {
      const kinds = ["all", ...scene.dataset.kinds.split(" "), ...(marks.has(scene.dataset.id) ? ["marked"] : [])];
      scene.hidden = !kinds.includes(filter) || !words.every((word) => texts[index].includes(word));
      links[index].classList.toggle("out", scene.hidden);
    });
    const shown = visible();
    one("#count").textContent = shown.length === scenes.length ? "" : `${shown.length} of ${scenes.length} scenes`;
    paintFound(words, shown);
  }

  // --- large ---------------------------------------------------------------------------------------------------------
  const large = one("#large");
  function showLarge(scene, link) {
    if (!scene) return;
    link ??= one('[data-large="picture"]', scene) || one("[data-large]", scene);
    if (!link) return;
    setHere(scenes.indexOf(scene));
    const frame = one('[data-large="frame"]', scene), title = `${here + 1}. ${one("h2", scene).lastChild.data}`;
    Object.assign(one("#shown"), { src: link.href, alt: one("img", link).alt });
    if (frame) Object.assign(one("#frame"), { src: frame.href, alt: one("img", frame).alt });
    one("#beside").hidden = !frame || one("#compare").getAttribute("aria-pressed") !== "true";
    one("#caption").textContent = `${title} · ${one("img", link).alt}`;
    if (!large.open) large.showModal();
  }
  function stepLarge(by) {
    const shown = visible().filter((scene) => one("[data-large]", scene));
    showLarge(shown[Math.min(Math.max(shown.indexOf(scenes[here]) + by, 0), shown.length - 1)]);
  }
  function compare() {
    const button = one("#compare");
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    showLarge(scenes[here]);
  }

  // --- what is pressed -------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const target = event.target.closest("button, a");
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const scene = target.closest("article"), data = target.dataset;
    if (data.act) toggleMark(scene, { [data.act]: true });
    else if (data.choose) toggleMark(scene, { choose: Number(data.choose) });
    else if (data.filter) {
      filter = data.filter;
      all("[data-filter]").forEach((button) => button.setAttribute("aria-pressed", button === target));
      applyFilter();
    } else if (data.large) { event.preventDefault(); showLarge(scene, target); }
    else if ("copy" in data) copy(one("code", target.parentElement).textContent, target);
    else if (data.go) stepLarge(Number(data.go));
    else if ("close" in data) target.closest("dialog").close();
    else if (links.includes(target)) { event.preventDefault(); goTo(scenes[links.indexOf(target)]); }
  });
  const actions = {
    "#save": save, "#copy-edits": (button) => copy(edits(), button), "#copy-command": (button) => copy(command(), button),
    "#clear": () => { marks.clear(); remember(memory, null); showMarks(); },
    "#help": () => one("#keys").showModal(), "#compare": compare,
  };
  for (const [selector, action] of Object.entries(actions)) one(selector).addEventListener("click", (event) => action(event.currentTarget));
  all("dialog").forEach((dialog) => dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }));

  const keys = {
    j: () => step(1), k: () => step(-1), ArrowRight: () => step(1), ArrowLeft: () => step(-1),
    r: () => toggleMark(scenes[here], { redo: true }), x: () => toggleMark(scenes[here], { drop: true }),
    o: () => showLarge(scenes[here]), t: () => one("#theme").click(), "?": () => one("#keys").showModal(),
    "/": () => { one("#query").focus(); one("#query").select(); },
  };
  const largeKeys = { j: () => stepLarge(1), k: () => stepLarge(-1), ArrowRight: () => stepLarge(1), ArrowLeft: () => stepLarge(-1), f: compare, o: () => large.close() };
  function chooseByKey(number) {
    const button = all("[data-choose]", scenes[here])[number - 1];
    if (button) button.click();
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") { one("#query").value = ""; applyFilter(); event.target.blur(); }
      return;
    }
    if (!scenes.length || one("#keys").open) return;
    const action = (large.open ? largeKeys : keys)[event.key];
    if (action) { event.preventDefault(); action(); }
    else if (/^[1-9]$/.test(event.key)) chooseByKey(Number(event.key));
  });

  if (!scenes.length) return;
  one("#query").addEventListener("input", applyFilter);
  document.addEventListener("scroll", followScroll, { passive: true });
  document.addEventListener("focusin", (event) => {
    const scene = event.target.closest?.("article");
    if (scene) setHere(scenes.indexOf(scene));
  });
  setHere(Math.max(0, scenes.findIndex((scene) => `#${scene.id}` === location.hash)));
  showMarks();
});
