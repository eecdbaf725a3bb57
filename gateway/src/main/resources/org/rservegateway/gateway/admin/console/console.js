"use strict";

const MOST_SESSIONS = 200;
const MOST_ENDED = 50;
const SECONDS_SHOWN = 300;
const LEAST_SECONDS_SHOWN = 60;
const SESSIONS_INTERVAL = 2000;
const RETRY_INTERVAL = 2000;
const TOKEN_KEY = "rcloud.admin.token";

const byId = id => document.getElementById(id);

// ---- asking the gateway

function headers() {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token ? { Authorization: "Bearer " + token } : {};
}

/** Asks, and once more with a token where one is wanted. */
async function ask(method, path) {
  let response = await fetch(path, { method, headers: headers() });
  if (response.status === 401) {
    const reason = (await response.json()).error;
    if (!(await askForToken(reason))) {
      throw new Error(reason);
    }
    response = await fetch(path, { method, headers: headers() });
  }
  if (!response.ok) {
    throw new Error(await response.json().then(answer => answer.error, () => "the gateway answered " + response.status));
  }
  return response;
}

let asking = null;

/** Whoever needs the token while it is being asked for waits for the same answer. */
function askForToken(reason) {
  asking ??= showTokenDialog(reason).finally(() => { asking = null; });
  return asking;
}

function showTokenDialog(reason) {
  const dialog = byId("token-dialog");
  byId("token-reason").textContent = "The gateway says: " + reason;
  byId("token").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(resolve => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "ok") {
        sessionStorage.setItem(TOKEN_KEY, byId("token").value.trim());
      }
      resolve(dialog.returnValue === "ok");
    }, { once: true });
  });
}

async function act(method, path, done) {
  try {
    const response = await ask(method, path);
    const answer = response.status === 204 ? null : await response.json();
    say(done(answer), true);
    refreshSessions();
  } catch (error) {
    say(error.message, false);
  }
}

function say(text, good) {
  const message = byId("message");
  message.textContent = text;
  message.className = good ? "good" : "";
  message.hidden = !text;
}

// ---- how things are written

function time(millis) {
  const seconds = Math.floor(millis / 1000);
  if (millis < 1000) { return millis + " ms"; }
  if (seconds < 60) { return seconds + " s"; }
  if (seconds < 3600) { return Math.floor(seconds / 60) + "m " + seconds % 60 + "s"; }
  if (seconds < 86400) { return Math.floor(seconds / 3600) + "h " + Math.floor(seconds % 3600 / 60) + "m"; }
  return Math.floor(seconds / 86400) + "d " + Math.floor(seconds % 86400 / 3600) + "h";
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) { count /= 1024; unit++; }
  return (unit === 0 ? Math.round(count) : count.toFixed(1)) + " " + units[unit];
}

function cell(row, text, className) {
  const cell = row.insertCell();
  cell.textContent = text === "" ? "–" : text;
  cell.className = className || "";
  return cell;
}

function button(parent, text, name, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.setAttribute("aria-label", name);
  button.addEventListener("click", action);
  parent.append(button);
  return button;
}

/**
 * Brings a table's rows into line with the items. A row stays while its item does, so that neither the focus nor a
 * button under the pointer is lost.
 */
function syncRows(body, items, key, fill) {
  const rows = new Map([...body.rows].map(row => [row.dataset.key, row]));
  items.forEach((item, index) => {
    const id = String(key(item));
    let row = rows.get(id);
    rows.delete(id);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.key = id;
    }
    if (body.rows[index] !== row) {
      body.insertBefore(row, body.rows[index] || null);
    }
    fill(row, item);
  });
  rows.forEach(row => row.remove());
}

/** Writes texts into a row's cells, making them where they are missing. */
function write(row, texts) {
  texts.forEach(([text, className], index) => {
    const target = row.cells[index] || row.insertCell();
    const shown = text === "" ? "–" : String(text);
    if (target.textContent !== shown) { target.textContent = shown; }
    target.className = className || "";
  });
}

// ---- sessions

const COLUMNS = [
  ["id", "Id", true, s => s.id],
  ["client", "Client", false, s => s.client],
  ["user", "User", false, s => s.user],
  ["tls", "TLS", false, s => s.tls ? "yes" : ""],
  ["profile", "Profile", false, s => s.profile],
  ["node", "Node", false, s => s.node],
  ["processId", "R process", true, s => s.processId || ""],
  ["state", "State", false, s => s.state],
  ["stateMillis", "For", true, s => time(s.stateMillis)],
  ["command", "Command", false, s => s.command],
  ["ageMillis", "Age", true, s => time(s.ageMillis)],
  ["commands", "Commands", true, s => s.commands],
  ["bytesUp", "Up", true, s => bytes(s.bytesUp)],
  ["bytesDown", "Down", true, s => bytes(s.bytesDown)],
];
const order = { column: "stateMillis", descending: true };
let living = 0;
let refreshing = false;

function buildSessionHeadings() {
  const row = byId("sessions").tHead.rows[0];
  for (const [column, title, isNumber] of COLUMNS) {
    const heading = document.createElement("th");
    heading.scope = "col";
    heading.className = isNumber ? "number" : "";
    heading.dataset.column = column;
    button(heading, title, "Sort by " + title, () => {
      order.descending = order.column === column ? !order.descending : isNumber;
      order.column = column;
      showOrder();
      refreshSessions();
    });
    row.append(heading);
  }
  const last = document.createElement("th");
  last.scope = "col";
  last.innerHTML = '<span class="visually-hidden">Action</span>';
  row.append(last);
  showOrder();
}

function showOrder() {
  for (const heading of byId("sessions").tHead.rows[0].cells) {
    if (heading.dataset.column === order.column) {
      heading.setAttribute("aria-sort", order.descending ? "descending" : "ascending");
    } else {
      heading.removeAttribute("aria-sort");
    }
  }
}

async function refreshSessions() {
  if (refreshing || document.hidden) { return; }
  refreshing = true;
  try {
    const query = new URLSearchParams({ limit: MOST_SESSIONS, sort: (order.descending ? "-" : "") + order.column });
    for (const name of ["client", "node", "state"]) {
      const value = byId("filter-" + name).value.trim();
      if (value) { query.set(name, value); }
    }
    const sessions = await (await ask("GET", "api/sessions?" + query)).json();
    showSessions(sessions);
  } catch (error) {
    // The line at the top says that the connection is lost.
  } finally {
    refreshing = false;
  }
}

function showSessions(sessions) {
  syncRows(byId("sessions").tBodies[0], sessions, s => s.id, (row, session) => {
    write(row, COLUMNS.map(([column, , isNumber, text]) =>
      [text(session), isNumber ? "number" : column === "state" ? "state-" + session.state : ""]));
    if (row.cells.length === COLUMNS.length) {
      button(row.insertCell(), "End", "End session " + session.id, () =>
        act("DELETE", "api/sessions/" + session.id, () => "Session " + session.id + " is ended."));
    }
  });
  const shown = sessions.length;
  byId("sessions-shown").textContent = shown === MOST_SESSIONS
    ? "the first " + shown + " of " + living : shown + " of " + living;
}

// ---- nodes

function showNodes(nodes) {
  syncRows(byId("nodes").tBodies[0], nodes, n => n.name, (row, node) => {
    const health = node.draining ? "taken out" : node.healthy ? "ok" : "failing: " + node.failure;
    write(row, [
      [node.name], [health, node.draining ? "warn" : node.healthy ? "good" : "bad wrap"],
      [node.inUse, "number"], [node.ready, "number"], [node.opening, "number"], [node.capacity, "number"],
      [node.load, "number"],
    ]);
    if (row.cells.length === 7) {
      button(row.insertCell(), "", "", () => {
        const draining = row.dataset.draining === "true";
        act("POST", "api/nodes/" + encodeURIComponent(node.name) + (draining ? "/undrain" : "/drain"),
          () => "Node " + node.name + (draining ? " is taken in again." : " is taken out; its sessions go on."));
      });
    }
    row.dataset.draining = node.draining;
    const toggle = row.cells[7].firstChild;
    toggle.textContent = node.draining ? "Take in" : "Take out";
    toggle.setAttribute("aria-label", toggle.textContent + " " + node.name);
  });
  const choice = byId("filter-node");
  const names = nodes.map(node => node.name);
  if ([...choice.options].slice(1).map(option => option.value).join() !== names.join()) {
    const chosen = choice.value;
    choice.replaceChildren(new Option("all", ""), ...names.map(name => new Option(name, name)));
    choice.value = names.includes(chosen) ? chosen : "";
  }
}

// ---- ends

const ended = [];

function showEnded(fresh) {
  if (fresh.length === 0) { return; }
  ended.unshift(...fresh);
  ended.length = Math.min(ended.length, MOST_ENDED);
  syncRows(byId("ended").tBodies[0], ended, end => end.session.id, (row, end) => {
    if (row.cells.length > 0) { return; }
    cell(row, new Date(end.endedMillis).toLocaleTimeString());
    cell(row, end.session.client);
    cell(row, end.session.node);
    cell(row, time(end.session.ageMillis), "number");
    cell(row, end.session.commands, "number");
    cell(row, end.reason + (end.text ? ": " + end.text : ""), "wrap");
  });
}

function showReasons(counts) {
  const reasons = Object.entries(counts).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  syncRows(byId("reasons").tBodies[0], reasons, ([reason]) => reason,
    (row, [reason, count]) => write(row, [[reason], [count, "number"]]));
}

// ---- charts

const history = { time: [], sessions: [], waiting: [], ended: [], commands: [], evaluation: [], queue: [] };
const charts = [];

function buildChart(id, series) {
  const place = byId(id);
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const chart = new uPlot({
    width: place.clientWidth, height: 170, cursor: { drag: { x: false, y: false } },
    scales: {
      x: { range: (u, min, max) => [Math.min(min, max - LEAST_SECONDS_SHOWN), max] },
      y: { range: (u, min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [axis, { ...axis, size: 60 }],
    series: [{}, ...series.map(([, label, variable]) => ({ label, stroke: colour(variable), width: 2, points: { show: false } }))],
  }, data(series), place);
  charts.push({ chart, series, place });
}

function data(series) {
  return [history.time, ...series.map(([name]) => history[name])];
}

function buildCharts() {
  charts.splice(0).forEach(({ chart }) => chart.destroy());
  buildChart("chart-sessions", [["sessions", "sessions", "--accent"], ["waiting", "waiting", "--bad"]]);
  buildChart("chart-rates", [["ended", "sessions ended", "--accent"], ["commands", "commands", "--good"]]);
  buildChart("chart-times", [["evaluation", "a command", "--accent"], ["queue", "a wait for R", "--bad"]]);
}

function showCharts(stats) {
  const values = {
    time: stats.time / 1000, sessions: stats.sessions, waiting: stats.waiting,
    ended: stats.rates.sessionsPerSecond, commands: stats.rates.commandsPerSecond,
    evaluation: stats.rates.evaluationMillis, queue: stats.rates.queueMillis,
  };
  for (const [name, list] of Object.entries(history)) {
    list.push(values[name]);
    if (list.length > SECONDS_SHOWN) { list.shift(); }
  }
  if (!document.hidden) {
    charts.forEach(({ chart, series }) => chart.setData(data(series)));
  }
}

// ---- events

function show(event) {
  const { stats, nodes } = event;
  living = stats.sessions;
  const connection = byId("connection");
  connection.textContent = stats.paused ? "paused: new sessions wait" : "live";
  connection.className = stats.paused ? "paused" : "live";
  byId("pause").textContent = stats.paused ? "Resume" : "Pause";
  byId("pause").dataset.paused = stats.paused;
  byId("now-sessions").textContent = stats.sessions;
  byId("now-waiting").textContent = stats.waiting;
  byId("now-inUse").textContent = stats.inUse;
  byId("now-ready").textContent = stats.ready;
  byId("now-commands").textContent = stats.rates.commandsPerSecond.toFixed(1) + "/s";
  byId("now-bytes").textContent = bytes(stats.rates.bytesDownPerSecond) + "/s";
  showNodes(nodes);
  showEnded(event.ended);
  showReasons(stats.rates.totals.ended);
  showCharts(stats);
}

/** By fetch and not by EventSource, which can't bring a token. */
async function listen() {
  for (;;) {
    try {
      const response = await ask("GET", "api/events");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) { break; }
        text += value;
        const events = text.split("\n\n");
        text = events.pop();
        events.filter(event => event.startsWith("data: ")).forEach(event => show(JSON.parse(event.slice(6))));
      }
    } catch (error) {
      console.info(error);
    }
    byId("connection").textContent = "connection lost, trying again";
    byId("connection").className = "lost";
    await new Promise(resolve => setTimeout(resolve, RETRY_INTERVAL));
  }
}

// ---- begin

function begin() {
  buildSessionHeadings();
  buildCharts();
  byId("pause").addEventListener("click", event => {
    const paused = event.target.dataset.paused === "true";
    act("POST", paused ? "api/resume" : "api/pause", () => paused ? "New sessions go on." : "New sessions wait.");
  });
  byId("reload").addEventListener("click", () => act("POST", "api/reload", changes =>
    changes.length === 0 ? "Nothing is different." : changes.map(change =>
      change.setting + ": " + change.after + (change.effect === "RESTART" ? ` (at the next start${change.with ? ", with " + change.with : ""})` : "")).join("\n")));
  byId("filter").addEventListener("submit", event => event.preventDefault());
  byId("filter").addEventListener("input", refreshSessions);
  new ResizeObserver(() => charts.forEach(({ chart, place }) =>
    chart.setSize({ width: place.clientWidth, height: 170 }))).observe(document.querySelector(".charts"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", buildCharts);
  ask("GET", "api/ended").then(response => response.json()).then(showEnded, () => {});
  setInterval(refreshSessions, SESSIONS_INTERVAL);
  refreshSessions();
  listen();
}

begin();
