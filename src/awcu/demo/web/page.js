// The page of awcu demo. The server sends all words and pictures; this script only lays them out.

const about = JSON.parse(document.getElementById("about").textContent);
const $ = (id) => document.getElementById(id);
const MEGABYTE = 1_000_000;
let photograph = null; // the File on display
let answer = null; // the server's answer for it
let shown = { map: 0, shape: "free", proposal: 0 };
let latest = 0; // number of the latest request, so that a late answer to an older one is not shown

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// Asking ------------------------------------------------------------------------------------------------------------

async function ask(path, file, query = {}) {
  if (file.size > about.limits.megabytes * MEGABYTE) {
    throw new Error(`${file.name} is larger than ${about.limits.megabytes} MB; send a smaller copy.`);
  }
  const words = new URLSearchParams({ name: file.name || "pasted photograph", ...query });
  let response;
  try {
    response = await fetch(`${path}?${words}`, { method: "POST", body: file });
  } catch {
    throw new Error("The server does not answer; check that it is still running, and try again.");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw Object.assign(new Error(said.error || `The server answered ${response.status}.`), { status: response.status });
}

function say(status, error = "") {
  $("status").textContent = status;
  $("status").classList.toggle("busy", status.endsWith("…"));
  $("error").textContent = error;
}

async function question(file, work) {
  const mine = ++latest;
  say(`Looking at ${file.name || "the photograph"} …`);
  try {
    const done = await work();
    if (mine === latest) { done(); say(""); }
  } catch (error) {
    if (mine === latest) say("", error.message);
  }
}

function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function fetchFile(path, query) {
  const file = photograph;
  say("Writing the file …");
  try {
    const response = await ask(path, file, { model: about.models[0], ...query });
    const name = decodeURIComponent(response.headers.get("Content-Disposition").split("''")[1]);
    download(await response.blob(), name);
    say(`Saved ${name}`);
  } catch (error) {
    say("", error.message);
  }
}

// One photograph ----------------------------------------------------------------------------------------------------

const part = (name) => document.querySelector(`#one-result [data-part="${name}"]`);

function explain(file) {
  photograph = file;
  return question(file, async () => {
    const said = await (await ask("explain", file, { model: about.models[0] })).json();
    return () => { answer = said; shown = { ...shown, map: 0, proposal: 0 }; showAnswer(); };
  });
}

function showAnswer() {
  for (const name of ["level", "verdict", "detail", "sentence"]) part(name).textContent = answer[name];
  part("level").className = answer.level.toLowerCase();
  part("rank").replaceChildren(...rank(answer.rank, answer.place));
  part("reasons").replaceChildren(...answer.reasons.map((reason) => make("li", { textContent: reason })));
  part("notes").replaceChildren(...answer.notes.map((note) => make("p", { textContent: note })));
  part("stage").replaceChildren(...stage(answer.photograph, $("opacity").value), make("div", { className: "frame" }));
  part("bar").style.background = answer.colours;
  part("maps").replaceChildren(...answer.maps.map(mapButton));
  part("shapes").replaceChildren(...about.aspects.map(shapeButton));
  $("one-result").hidden = false;
  showMap();
  showCrop();
}

function stage(picture, opacity, layer = "") {
  const ground = make("img", { className: "ground", src: picture, alt: "" });
  const veil = make("div", { className: "veil" }, ground, make("img", { className: "layer", src: layer, alt: "" }));
  veil.style.opacity = opacity / 100;
  const shown = make("img", { src: picture, alt: "The photograph" });
  // Keep the map's colour bar and slider in view below a tall photograph.
  shown.addEventListener("load", () => { shown.parentElement.style.maxWidth = `calc(74vh * ${shown.naturalWidth / shown.naturalHeight})`; });
  return [shown, veil];
}

function rank(place, label) {
  if (!place) return [];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const draw = (tag, attributes) => {
    const element = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    svg.append(element);
  };
  for (const [name, value] of Object.entries({ viewBox: "0 0 100 26", preserveAspectRatio: "none", role: "img", "aria-label": label })) svg.setAttribute(name, value);
  for (const [x, high] of place.marks) {
    draw("line", { x1: x, x2: x, y1: 8, y2: 26, class: high ? "high" : "low", "stroke-opacity": 0.5, "stroke-width": 1.2, "vector-effect": "non-scaling-stroke" });
  }
  draw("path", { d: `M ${place.place - 2} 0 h 4 l -2 11 z` });
  return [svg, label];
}

function mapButton(map, index) {
  const button = make("button", { type: "button" }, map.title);
  const level = map.effect?.startsWith("−") ? "low" : "high";
  if (map.effect) button.append(make("span", { className: `part ${level}`, textContent: map.effect, title: "part in the score" }));
  if (map.share !== undefined) {
    const fill = make("i");
    fill.style.width = `${100 * map.share}%`;
    button.append(make("span", { className: "meter", title: map.note }, fill));
  }
  button.addEventListener("click", () => { shown.map = index; showMap(); });
  return make("li", {}, button);
}

function showMap() {
  const map = answer.maps[shown.map];
  const layer = part("stage").querySelector(".layer");
  layer.src = map.layer;
  layer.alt = `${map.title}: ${map.note}`;
  part("map-title").textContent = map.title;
  part("map-note").textContent = map.note + (map.effect ? `; part in the score ${map.effect}` : "");
  part("ends").replaceChildren(...map.ends.map((end) => make("span", { textContent: end })));
  part("maps").querySelectorAll("button").forEach((button, index) => button.setAttribute("aria-pressed", index === shown.map));
}

function shapeButton(aspect) {
  const input = make("input", { type: "radio", name: "shape", value: aspect, checked: aspect === shown.shape });
  input.addEventListener("change", () => { shown = { ...shown, shape: aspect, proposal: 0 }; showCrop(); });
  return make("label", {}, input, aspect);
}

const box = () => answer.crops[shown.shape][shown.proposal];

function showCrop() {
  const proposals = answer.crops[shown.shape];
  const [width, height] = answer.size;
  const whole = (b) => b[0] === 0 && b[1] === 0 && b[2] === width && b[3] === height;
  part("proposals").replaceChildren(
    ...(proposals.length
      ? proposals.map((b, index) => {
          const size = whole(b) ? "the whole photograph" : `${b[2] - b[0]} × ${b[3] - b[1]} px`;
          const button = make("button", { type: "button", textContent: `${index + 1}: ${size}` });
          button.setAttribute("aria-pressed", index === shown.proposal);
          button.addEventListener("click", () => { shown.proposal = index; showCrop(); });
          return button;
        })
      : [make("span", { className: "soft", textContent: "No crop of this shape fits into the photograph." })]),
  );
  const frame = part("stage").querySelector(".frame");
  const chosen = box();
  $("download-crop").disabled = $("download-sheet").disabled = !chosen;
  frame.hidden = !chosen || whole(chosen);
  if (!chosen) return;
  const [left, top, right, bottom] = chosen;
  const sides = { left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height };
  for (const [side, share] of Object.entries(sides)) frame.style[side] = `${100 * share}%`;
}

for (const [id, root] of [["opacity", "#one-result"], ["opacity-two", "#two-result"]]) {
  $(id)?.addEventListener("input", (event) => {
    document.querySelectorAll(`${root} .veil`).forEach((veil) => { veil.style.opacity = event.target.value / 100; });
    event.target.nextElementSibling.textContent = `${event.target.value} %`;
  });
}
$("download-crop").addEventListener("click", () => fetchFile("crop", { box: box().join() }));
$("download-sheet").addEventListener("click", () => fetchFile("sheet", { box: box().join() }));

// Two models --------------------------------------------------------------------------------------------------------

function compare(file) {
  photograph = file;
  return question(file, async () => {
    const said = await (await ask("compare", file)).json();
    return () => showPair(said);
  });
}

function showPair(said) {
  const figures = said.models.map((model) =>
    pictured(model, model.maps[0], model.name, `${model.level}, ${model.verdict}`, model.level.toLowerCase()),
  );
  const [before, after] = said.models;
  figures.push(pictured(before, said.difference, said.difference.title, `“${after.name}” less “${before.name}”`));
  $("pair").replaceChildren(...figures);
  $("two-sentence").textContent = said.sentence;
  $("two-result").hidden = false;
}

function pictured(model, map, title, note, level = "") {
  const bar = make("div", { className: "bar" });
  bar.style.background = model.colours;
  const ends = make("div", { className: "ends" }, ...map.ends.map((end) => make("span", { textContent: end })));
  return make("figure", {},
    make("figcaption", {}, make("b", { textContent: title }), make("span", { className: level || "soft", textContent: note })),
    make("div", { className: "stage" }, ...stage(model.photograph, $("opacity-two").value, map.layer)),
    make("div", { className: "scale" }, bar, ends));
}

// Many photographs --------------------------------------------------------------------------------------------------

const AT_ONCE = 2;
let list = { rows: [], stopped: true };

async function judge(files) {
  list.stopped = true;
  const most = about.limits.photographs;
  const taken = files.slice(0, most);
  const mine = (list = { rows: [], stopped: false, total: taken.length, files: new Map() });
  $("many-result").hidden = false;
  say("", files.length > most ? `${files.length} photographs: this page takes ${most} at once, so the first ${most} are judged. awcu score FOLDER takes any number.` : "");
  showRows(mine);
  const waiting = taken.entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [place, file] of waiting) {
      if (mine.stopped) return;
      mine.rows.push({ place, file, ...(await row(file)) });
      if (mine === list) showRows(mine);
    }
  }));
  mine.stopped = true;
  if (mine === list) showRows(mine);
}

async function row(file) {
  const name = file.webkitRelativePath || file.name;
  for (let attempt = 0; ; attempt++) {
    try {
      return { ...(await (await ask("score", file, { model: about.models[0] })).json()), path: name };
    } catch (error) {
      // Retry while the server is full.
      if (error.status !== 503 || attempt >= 20) return { path: name, error: error.message };
      await new Promise((resolve) => setTimeout(resolve, 500 + 500 * attempt));
    }
  }
}

function ranked(rows) {
  const scored = rows.filter((one) => !one.error).sort((a, b) => b.score - a.score || a.place - b.place);
  scored.forEach((one, index) => { one.rank = index && scored[index - 1].score === one.score ? scored[index - 1].rank : index + 1; });
  return [...scored, ...rows.filter((one) => one.error).sort((a, b) => a.place - b.place)];
}

function showRows(state) {
  const failed = state.rows.filter((one) => one.error).length;
  $("progress").max = state.total;
  $("progress").value = state.rows.length;
  $("progress-text").textContent = `${state.rows.length} of ${state.total}` + (failed ? `, ${failed} unreadable` : "");
  $("stop").hidden = state.stopped;
  $("csv").disabled = !state.rows.length;
  $("rows").replaceChildren(...ranked(state.rows).map(tableRow));
}

function tableRow(one) {
  const cell = (text, className = "") => make("td", { textContent: text, className });
  if (one.error) {
    const sentence = one.error.startsWith(one.path) ? one.error : `${one.path}: ${one.error}`;
    return make("tr", {}, cell("–"), cell(""), Object.assign(cell(sentence, "left fault"), { colSpan: 4 }));
  }
  const open = make("button", { type: "button", textContent: one.path });
  open.addEventListener("click", () => { select("one"); explain(one.file); });
  return make("tr", {},
    cell(one.rank),
    make("td", {}, make("img", { src: one.thumbnail, alt: "" })),
    make("td", { className: "left" }, open),
    cell(one.level, one.level),
    ...one.said.map((text) => cell(text)));
}

function csv(rows) {
  // A spreadsheet would run a name that begins so as a formula; numbers may.
  const inert = (value) => (typeof value === "string" && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(value ?? ""));
  const quoted = (value) => ((text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text))(inert(value));
  const lines = ranked(rows).map((one) => about.columns.map((name) => quoted(one[name])).join());
  return [about.columns.map(quoted).join(), ...lines, ""].join("\n");
}

$("csv").addEventListener("click", () => download(new Blob([csv(list.rows)], { type: "text/csv" }), "scores.csv"));
$("stop").addEventListener("click", () => { list.stopped = true; });

// Photographs in ----------------------------------------------------------------------------------------------------

const current = () => document.querySelector("[role=tab][aria-selected=true]").getAttribute("aria-controls");

function take(files) {
  if (!files.length) return say("", "No photograph found there; choose a JPEG, PNG, TIFF, WebP or HEIC file.");
  if (current() === "many") return judge(files);
  if (files.length > 1) { select("many"); return judge(files); }
  return current() === "two" ? compare(files[0]) : explain(files[0]);
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(within))).flat();
}

async function within(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  // A reader returns at most a hundred entries at a time.
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) found.push(...some);
  return (await Promise.all(found.map(within))).flat().filter((file) => !file.name.startsWith("."));
}

const choosers = { choose: () => (current() === "many" ? "files" : "file"), "choose-folder": () => "folder" };
for (const [id, input] of Object.entries(choosers)) $(id).addEventListener("click", () => $(input()).click());
for (const id of ["file", "files", "folder"]) {
  $(id).addEventListener("change", (event) => {
    const files = [...event.target.files].filter((file) => !file.name.startsWith("."));
    event.target.value = "";
    take(files);
  });
}
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", async () => {
    const blob = await (await fetch(`web/examples/${button.dataset.example}`)).blob();
    take([new File([blob], button.dataset.example, { type: blob.type })]);
  });
}
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) take(files);
});
let depth = 0; // dragenter and dragleave fire for every element on the way
addEventListener("dragenter", () => { depth++; $("over").hidden = false; });
addEventListener("dragleave", () => { if (--depth <= 0) { depth = 0; $("over").hidden = true; } });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  $("over").hidden = true;
  try {
    take(await dropped(event.dataTransfer));
  } catch {
    say("", "The dropped items cannot be read; choose the files instead.");
  }
});

// Tabs --------------------------------------------------------------------------------------------------------------

const tabs = [...document.querySelectorAll("[role=tab]")];

function select(name) {
  for (const tab of tabs) {
    const chosen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  const many = name === "many";
  $("choose").textContent = many ? "Choose photographs" : "Choose a photograph";
  $("choose-folder").hidden = !many;
  $("how").textContent = many ? "or drop them, or a folder, anywhere on this page" : "or drop it anywhere on this page, or paste it";
  say("");
  // Carry the current photograph over to the comparison.
  if (name === "two" && photograph && $("two-result").hidden) compare(photograph);
}

tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => select(tab.getAttribute("aria-controls")));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(index + step + tabs.length) % tabs.length];
    next.focus();
    select(next.getAttribute("aria-controls"));
  });
});
