// The page's line to the server, and all that came over it: one state, changed by messages only.

const NOTHING = {
  scene: null,
  known: null,
  picture: null,
  place: null,
  goal: null,
  busy: false,
  rounds: [],
  decided: null,
  rests: null,
  moments: [],
  cursor: 0,
  supposed: null,
  dream: [],
  looked: null,
  caused: null,
  recalled: null,
  rate: 0,
};

export const studio = $state({ ...structuredClone(NOTHING), door: "opening", hello: null, error: null });

let socket = null;
let model = null;
let tries = 0;
let shown = [];
const waiting = {}; // by kind of command: one is on its way, and at most the newest other waits

export function connect(name = model) {
  model = name;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const from = model === null ? "" : `?model=${encodeURIComponent(model)}`;
  const mine = new WebSocket(`${scheme}://${location.host}/studio/live${from}`);
  socket?.close();
  socket = mine;
  mine.onopen = () => {
    tries = 0;
    studio.door = "open";
    studio.error = null;
  };
  mine.onmessage = (event) => mine === socket && hear(JSON.parse(event.data));
  mine.onclose = () => mine === socket && lost();
}

export async function enter(token) {
  const answer = await fetch("/studio/enter", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) return (await answer.json()).error;
  connect();
  return null;
}

// A browser does not say why a WebSocket was refused; a plain request is told.
async function lost() {
  for (const kind in waiting) delete waiting[kind];
  studio.busy = false;
  const answer = await fetch("/health").catch(() => null);
  if (answer?.status === 403 && studio.hello === null) {
    studio.door = "token";
    return;
  }
  studio.error = answer === null || answer.ok ? null : (await answer.json().catch(() => ({}))).error;
  studio.door = "gone";
  tries += 1;
  setTimeout(() => studio.door === "gone" && connect(), Math.min(8000, 400 * 2 ** Math.min(tries, 5)));
}

export function send(command) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command));
}

// For what a hand drags: the server is never asked more than it answers, and the last position is always asked for.
export function latest(command) {
  const kind = command.do;
  if (waiting[kind] === undefined) {
    waiting[kind] = null;
    send(command);
  } else waiting[kind] = command;
}

function answered(kind) {
  const next = waiting[kind];
  delete waiting[kind];
  if (next) latest(next);
}

export function open(command) {
  Object.assign(studio, structuredClone(NOTHING));
  send({ do: "open", ...command });
}

function frame() {
  const now = performance.now();
  shown.push(now);
  shown = shown.filter((each) => now - each < 1000);
  if (shown.length > 2) studio.rate = ((shown.length - 1) * 1000) / (now - shown[0]);
}

const HEARD = {
  hello(message) {
    studio.hello = message;
    if (studio.scene === null) open(message.trained_on === "" && message.recordings.length ? { recording: 0 } : { seed: 1 });
    else open({ seed: studio.scene.seed });
  },
  scene(message) {
    studio.scene = message;
    studio.picture = message.picture;
    studio.place = message.place ?? null;
    studio.goal = message.goal ? { picture: message.goal, place: message.goal_place } : null;
    studio.moments = [{ at: 0, surprise: null, put: false }];
  },
  known(message) {
    studio.known = message;
  },
  surprises(message) {
    for (const [k, surprise] of message.values.entries()) studio.moments[message.from + k] = { at: message.from + k, surprise, put: false };
  },
  goal(message) {
    studio.goal = { picture: message.picture, place: message.place };
    studio.rests = null;
    studio.rounds = [];
    studio.decided = null;
    studio.supposed = null;
  },
  thought(message) {
    message.start = studio.place;
    if (message.round === 1) studio.rounds = [message];
    else studio.rounds.push(message);
    frame();
  },
  decided(message) {
    studio.decided = { ...message, start: studio.place };
  },
  step(message) {
    studio.picture = message.picture;
    studio.place = message.place;
    frame();
  },
  moment(message) {
    studio.picture = message.picture;
    studio.place = message.place;
    studio.moments.push({ at: message.at, surprise: message.surprise, put: message.put });
    studio.cursor = message.at;
    studio.dream = [];
    studio.supposed = null;
    if (message.put) {
      studio.decided = null;
      studio.rounds = [];
      studio.rests = null;
    }
  },
  rests(message) {
    studio.busy = false;
    studio.rests = message;
  },
  supposed(message) {
    studio.supposed = message;
    answered("suppose");
  },
  dreamt(message) {
    studio.dream.push(message);
    answered("dream");
  },
  awake() {
    studio.dream = [];
  },
  shown(message) {
    studio.picture = message.picture;
    answered("show");
  },
  looked(message) {
    studio.looked = message;
    answered("look");
  },
  caused(message) {
    studio.caused = message;
    answered("cause");
  },
  recalled(message) {
    studio.recalled = message;
    answered("recall");
  },
  error(message) {
    studio.error = message.sentence;
    for (const kind of Object.keys(waiting)) answered(kind);
    if (studio.scene === null) studio.door = "open";
  },
};

function hear(message) {
  HEARD[message.is]?.(message);
}
