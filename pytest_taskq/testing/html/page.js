(() => {
"use strict";
const TESTS = JSON.parse(document.getElementById("taskq-data").textContent);
const MARKS = {passed: "✓", failed: "✗", error: "✗", skipped: "–"};
const ENDS = new Set(["done", "fail", "snooze", "cancel", "release", "lapse"]);
const SIGNS = {succeeded: "✓", retry: "↻", dead: "✗", cancelled: "–", running: "…"};
const LANE = 30, TOP = 46, LEFT = 128;
let test = null, chosen = null, zoom = 1;

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "rect", "line", "path", "circle", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

function length(micros) {
  if (micros < 0) return "-" + length(-micros);
  if (micros === 0) return "0 s";
  if (micros < 1e3) return micros + " us";
  if (micros < 1e6) return +(micros / 1e3).toPrecision(3) + " ms";
  if (micros < 59.9e6) return +(micros / 1e6).toPrecision(3) + " s";
  const parts = [];
  let rest = Math.round(micros / 1e6);
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || parts.length) parts.push(count ? count + " " + unit : "");
  }
  return parts.slice(0, 2).join(" ").trim();
}

function instant(at) { return new Date(Date.parse(test.start) + at / 1e3); }

function time(at, fine) {
  const text = instant(at).toISOString();
  return text.slice(11, fine ? 23 : 19);
}

function day(at) { return instant(at).toISOString().slice(0, 10); }

/* What the events of a test mean: attempts from start to end, and who began what. */
function read(found) {
  const attempts = [], open = {}, began = {}, last = {};
  found.events.forEach((event, n) => {
    if (event.event === "enqueue") began[event.job] = {n, at: event.at, by: null, due: event.due};
    if (event.event === "enqueue" && found.jobs[event.job].cause) {
      began[event.job].by = open[found.jobs[event.job].cause] || null;
    }
    if (event.event === "start") {
      open[event.job] = {job: event.job, worker: event.actor, number: event.attempt, from: n, to: null,
                         start: event.at, end: null, kind: "running", before: last[event.job] || null};
      attempts.push(last[event.job] = open[event.job]);
    } else if (ENDS.has(event.event) && open[event.job] && !(event.detail === "asked to stop")) {
      const attempt = open[event.job];
      delete open[event.job];
      Object.assign(attempt, {to: n, end: event.at, due: event.due, error: event.error,
                              trace: event.trace, ended: event.event, detail: event.detail});
      attempt.kind = event.event === "done" ? "succeeded" : event.due !== undefined ? "retry"
        : event.event === "release" ? "cancelled" : event.event === "cancel" ? "cancelled" : "dead";
    }
  });
  return {attempts, began};
}

/* Every event has its place from left to right, jobs enqueued in a row less; where time passed
   between two, a gap says how much. All of it fits the width, unless that would be unreadable. */
function places(found, width, waits) {
  const span = found.events.at(-1).at - found.events[0].at, least = Math.min(Math.max(span / 2e3, 1e3), 1e5);
  const passed = found.events.map((event, n) => n ? event.at - found.events[n - 1].at : 0);
  const many = passed.filter(micros => micros >= least).length > 40;
  const gaps = passed.map(micros => micros < least ? 0 : many ? 6 : 34 + 6 * Math.log10(micros / 1e3));
  const weights = found.events.map((event, n) =>
    event.event === "enqueue" && n && found.events[n - 1].event === "enqueue" ? 0.2 : 1);
  const sum = numbers => numbers.reduce((total, number) => total + number, 0);
  const room = width - LEFT - (waits ? 210 : 90) - sum(gaps);
  const step = Math.min(Math.max(room / sum(weights), 2.5), 150);
  let at = LEFT + 16;
  return {step, gaps, x: gaps.map((gap, n) => at += n ? step * weights[n] + gap : 0)};
}

/* Lanes: the test's own, then one for each slot that a worker used at once. */
function lanes(attempts, count) {
  const rows = [{name: "test"}], slots = {};
  for (const name of [...new Set(attempts.map(attempt => attempt.worker))]) {
    slots[name] = [];
    for (const attempt of attempts.filter(each => each.worker === name)) {
      let slot = slots[name].findIndex(until => until < attempt.from);
      if (slot < 0) slot = slots[name].push(0) - 1;
      slots[name][slot] = attempt.to === null ? count : attempt.to;
      attempt.slot = slot;
    }
    const first = rows.length;
    slots[name].forEach((_, slot) => rows.push({name: slot ? "" : name || "worker"}));
    attempts.filter(each => each.worker === name).forEach(each => { each.row = first + each.slot; });
  }
  return rows;
}

function draw(found, width) {
  const waiting = Object.entries(found.jobs).filter(([, job]) => job.state === "queued");
  const {attempts, began} = read(found), {x, gaps, step} = places(found, width, waiting.length);
  const rows = lanes(attempts, found.events.length);
  const right = x.at(-1) + step + 16;
  const full = right + (waiting.length ? 200 : 80), y = row => TOP + row * LANE + LANE / 2;
  const height = TOP + rows.length * LANE + 8;
  const svg = element("svg", {width: full, height, role: "img", "aria-label": "Lanes over time"});
  const fine = found.events.some(event => event.at % 1e6) || instant(0).getMilliseconds() !== 0;
  let free = 0, shown = null;
  found.events.forEach((event, n) => {
    if (n && !gaps[n]) return;
    if (gaps[n]) {
      const from = x[n] - gaps[n] - 6, passed = event.at - found.events[n - 1].at;
      svg.append(element("rect", {class: "gap", x: from, y: TOP - 14, width: Math.max(gaps[n] - 8, 1), height: height - TOP + 8}));
      if (gaps[n] > 30) svg.append(element("text", {class: "dim", x: from + gaps[n] / 2 - 4, y: TOP - 4, "text-anchor": "middle"}, "+" + length(passed)));
    }
    if (x[n] - 8 >= free) {
      svg.append(element("line", {class: "tick", x1: x[n] - 8, x2: x[n] - 8, y1: 20, y2: height}));
      const date = day(event.at) === shown ? "" : day(event.at) + " ";
      shown = day(event.at);
      svg.append(element("text", {x: x[n] - 8, y: 15}, date + time(event.at, fine)));
      free = x[n] + 8 * (date.length + (fine ? 12 : 8));
    }
  });
  rows.forEach((row, n) => svg.append(
    element("line", {class: "lane", x1: 0, x2: full, y1: TOP + (n + 1) * LANE, y2: TOP + (n + 1) * LANE}),
    element("text", {x: 10, y: y(n) + 4}, row.name.length > 16 ? row.name.slice(0, 15) + "…" : row.name)));
  const place = origin => [x[origin.n], origin.by ? y(origin.by.row) + 10 : y(0)];
  const links = element("g"), bars = element("g"), dots = element("g");
  const curve = (x1, y1, x2, y2, kind, job) => links.append(element("path", {
    class: "link " + kind, "data-job": job,
    d: `M${x1},${y1} C${(x1 + x2) / 2},${y1} ${(x1 + x2) / 2},${y2} ${x2},${y2}`}));
  const few = Object.keys(found.jobs).length <= 60;
  for (const attempt of attempts) {
    const x1 = x[attempt.from], x2 = attempt.to === null ? right : x[attempt.to], kind = attempt.kind;
    const label = `${attempt.job} ${found.jobs[attempt.job].task}`;
    const bar = element("g", {"data-job": attempt.job, onclick: () => choose(attempt.job)},
      element("title", {}, `${label}, attempt ${attempt.number}: ${attempt.error || attempt.ended || "running"}`),
      element("rect", {class: "bar " + kind, x: x1, y: y(attempt.row) - 10, width: Math.max(x2 - x1, 4), height: 20}));
    const room = Math.floor((x2 - x1 - 8) / 6.7);
    const sign = SIGNS[kind] + " ";
    if (room >= 1) bar.append(element("text", {x: x1 + 5, y: y(attempt.row) + 4, "pointer-events": "none"},
      (sign + label).length <= room ? sign + label : room >= attempt.job.length + 2 ? sign + attempt.job : SIGNS[kind]));
    bars.append(bar);
    const origin = began[attempt.job];
    if (attempt.before && attempt.before.to !== null) {
      curve(x[attempt.before.to], y(attempt.before.row), x1, y(attempt.row), "again", attempt.job);
    } else if (origin) {
      curve(...place(origin), x1, y(attempt.row), few ? "" : "faded", attempt.job);
    }
  }
  for (const [job, origin] of Object.entries(began)) {
    dots.append(element("circle", {class: "dot", "data-job": job, cx: place(origin)[0], cy: place(origin)[1],
      r: few ? 4.5 : 2.5, onclick: () => choose(job)},
      element("title", {}, `enqueue ${job} ${found.jobs[job].call}`)));
  }
  waiting.slice(0, rows.length + 2).forEach(([job, {task, due}], n) => {
    const past = attempts.filter(attempt => attempt.job === job).at(-1), origin = began[job];
    const from = past && past.to !== null ? [x[past.to], y(past.row)] : origin ? place(origin) : null;
    const level = Math.min(TOP + 12 + n * 16, height - 4);
    if (from) curve(from[0], from[1], right, level - 4, "later", job);
    svg.append(element("text", {class: "dim", x: right + 5, y: level, "data-job": job},
      `${job} ${task} ${due > found.now ? "in " + length(due - found.now) : "due now"}`.slice(0, 29)));
  });
  svg.append(links, bars, dots);
  return svg;
}

function choose(job) {
  chosen = job;
  for (const part of document.querySelectorAll("[data-job]")) {
    const own = part.dataset.job === job;
    (part.querySelector("rect") || part).classList.toggle("chosen", own);
    if (part.tagName === "TR") part.setAttribute("aria-selected", own);
  }
  document.getElementById("job").replaceChildren(...describe(job));
}

function describe(name) {
  const job = test.jobs[name], list = (...rows) => element("dl", {}, ...rows.flatMap(([term, value, kind]) => [
    element("dt", {}, term), element("dd", {class: kind || null}, value)]));
  const jump = other => element("a", {onclick: () => choose(other)}, `${other} ${test.jobs[other] ? test.jobs[other].task : ""}`);
  const caused = Object.keys(test.jobs).filter(other => test.jobs[other].cause === name);
  const facts = [["state", job.state, job.state], ["enqueued", `${day(job.created)} ${time(job.created, true)}`],
    [job.state === "queued" ? "due" : "was due", `${day(job.due)} ${time(job.due, true)}`]];
  if (job.queue !== "default") facts.push(["queue", job.queue]);
  if (job.priority) facts.push(["priority", job.priority]);
  if (job.key) facts.push(["key", job.key, "value"]);
  if (job.cause) facts.push(["caused by", test.jobs[job.cause] ? jump(job.cause) : job.cause]);
  if (caused.length) facts.push(["caused", element("span", {}, ...caused.slice(0, 20).flatMap(other => [jump(other), " "]))]);
  const parts = [element("h3", {}, `Job ${name} ${job.task}`), list(...facts)];
  const values = Object.entries(job.arguments);
  if (values.length) parts.push(element("h3", {}, "Arguments"), list(...values.map(([key, value]) => [key, value, "value"])));
  const attempts = read(test).attempts.filter(attempt => attempt.job === name);
  for (const attempt of attempts) {
    const took = attempt.end === null ? "" : `, took ${length(attempt.end - attempt.start)}`;
    const next = attempt.due === undefined ? "" : `, again ${attempt.due > attempt.end ? "in " + length(attempt.due - attempt.end) : "at once"}`;
    parts.push(element("h3", {class: attempt.kind}, `${SIGNS[attempt.kind]} Attempt ${attempt.number} at ${time(attempt.start, true)} by ${attempt.worker}${took}${next}`));
    if (attempt.error || attempt.trace) parts.push(element("pre", {}, attempt.trace || attempt.error));
    else if (attempt.detail && attempt.ended !== "done") parts.push(element("p", {}, attempt.detail));
  }
  return parts;
}

function table(found) {
  const {attempts, began} = read(found), rows = Object.entries(found.jobs).slice(0, 500).map(([name, job]) => {
    const own = attempts.filter(attempt => attempt.job === name), first = own[0];
    const signs = own.map(attempt => element("span", {class: attempt.kind}, SIGNS[attempt.kind]));
    const due = began[name] ? began[name].due === undefined ? began[name].at : began[name].due : null;
    const waited = first && due !== null ? length(Math.max(first.start - due, 0)) : "";
    const ran = own.reduce((sum, attempt) => sum + (attempt.end === null ? 0 : attempt.end - attempt.start), 0);
    const error = own.map(attempt => attempt.error).filter(text => text).at(-1);
    return element("tr", {"data-job": name, onclick: () => choose(name)}, element("td", {}, name),
      element("td", {class: "call"}, job.call, error ? element("div", {class: job.state === "dead" ? "dead" : "retry"}, error) : null), element("td", {}, job.cause || "test"),
      element("td", {class: job.state}, job.state), element("td", {}, ...signs),
      element("td", {class: "number"}, waited), element("td", {class: "number"}, own.length ? length(ran) : ""));
  });
  const heads = ["job", "call", "caused by", "state", "attempts", "waited", "ran"].map(
    (name, n) => element("th", {class: n > 4 ? "number" : null}, name));
  return element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {class: "jobs"}, ...rows));
}

/* Only what the reader has chosen stays when the page of the next run is loaded in its place. */
function pin(found) { history.replaceState(null, "", "#" + encodeURIComponent(found.test)); }

function show(found) {
  test = found;
  const main = document.getElementById("test"), cut = found.test.indexOf("::");
  const parts = [element("p", {class: "facts"}, cut < 0 ? "" : found.test.slice(0, cut)),
    element("h2", {}, element("span", {class: found.outcome}, MARKS[found.outcome] + " "), found.test.slice(cut < 0 ? 0 : cut + 2))];
  if (!found.jobs) {
    main.replaceChildren(...parts, element("p", {class: "facts"}, "This test had no jobs."), ...(found.message ? [element("pre", {class: "message"}, found.message)] : []));
    return;
  }
  const counts = {};
  Object.values(found.jobs).forEach(job => { counts[job.state] = (counts[job.state] || 0) + 1; });
  const states = Object.entries(counts).flatMap(([state, count]) => [element("b", {class: state}, `${count} ${state}`), " "]);
  parts.push(element("p", {class: "facts"}, `clock ${found.clock}, from ${day(0)} ${time(0)} UTC, `,
    element("b", {}, length(Math.max(found.now, found.events.at(-1).at))), " of job time; ", ...states,
    found.left ? ` (${found.left} events in the middle are left out)` : ""));
  if (found.message) parts.push(element("pre", {class: "message"}, found.message));
  const chart = element("div", {class: "chart"}, draw(found, (main.clientWidth - 48) * zoom));
  parts.push(chart);
  parts.push(element("p", {class: "legend"}, element("span", {}, "○ enqueued"), element("span", {class: "succeeded"}, "✓ succeeded"),
    element("span", {class: "retry"}, "↻ ran, and again later (dashed)"), element("span", {class: "dead"}, "✗ dead"),
    element("span", {class: "running"}, "… running or waiting (dotted)"), element("span", {}, "Gaps are compressed. Click a job for its arguments and errors."),
    element("label", {}, "wider ", element("input", {type: "range", min: 1, max: 12, step: 0.5, value: zoom, oninput: event => {
      zoom = +event.target.value;
      chart.replaceChildren(draw(found, (main.clientWidth - 48) * zoom));
      choose(chosen);
    }}))));
  parts.push(element("div", {class: "below"}, element("div", {}, element("h3", {}, "Jobs"), table(found)), element("div", {id: "job"})));
  main.replaceChildren(...parts);
  const states_first = ["dead", "running", "queued"].map(state => Object.keys(found.jobs).find(name => found.jobs[name].state === state));
  choose(states_first.find(name => name) || Object.keys(found.jobs)[0]);
}

function list() {
  const words = document.getElementById("find").value.toLowerCase(), only = document.getElementById("with-jobs").checked;
  const ranks = {error: 0, failed: 0, passed: 1, skipped: 2};
  const fits = found => (found.jobs || !only || ranks[found.outcome] === 0)
    && (found.test + " " + Object.values(found.jobs || {}).map(job => job.task).join(" ")).toLowerCase().includes(words);
  const shown = TESTS.filter(fits).sort((a, b) => ranks[a.outcome] - ranks[b.outcome]), parts = [];
  let place = null;
  for (const found of shown) {
    const cut = found.test.indexOf("::"), file = cut < 0 ? "" : found.test.slice(0, cut);
    if (file !== place) parts.push(element("h3", {}, place = file));
    const jobs = found.jobs ? Object.keys(found.jobs).length : 0;
    const said = jobs ? `${jobs} ${jobs === 1 ? "job" : "jobs"}, ${length(Math.max(found.now, found.events.at(-1).at))}` : "no jobs";
    parts.push(element("button", {"aria-current": found === test, onclick: () => { zoom = 1; pin(found); show(found); list(); }},
      element("span", {class: found.outcome}, MARKS[found.outcome]), element("span", {}, found.test.slice(cut < 0 ? 0 : cut + 2)), element("small", {}, said)));
  }
  document.getElementById("tests").replaceChildren(...parts);
  return shown;
}

const failed = TESTS.filter(found => ["failed", "error"].includes(found.outcome)).length;
document.getElementById("summary").append(`${TESTS.length} tests, ${TESTS.filter(found => found.jobs).length} with jobs, `,
  element("span", {class: failed ? "failed" : "passed"}, failed ? `${failed} failed` : "none failed"));
document.getElementById("find").addEventListener("input", list);
document.getElementById("with-jobs").addEventListener("change", list);
addEventListener("resize", () => { if (test) show(test); });
const asked = decodeURIComponent(location.hash.slice(1));
const first = list().find(found => found.test === asked) || list()[0];
if (first) { show(first); list(); }
})();
