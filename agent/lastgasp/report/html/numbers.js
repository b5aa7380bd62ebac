// Numbers for people, as report/units.py has them: the same number reads the same everywhere.
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

function fixed(value, digits) {
  // As Python rounds: what is halfway, exactly, goes to the even digit.
  const halfway = Math.abs(value * (digits ? 4 : 2)) % 2 === 1;
  if (!halfway) return value.toFixed(digits);
  const low = Math.floor(value * 10 ** digits);
  return ((low + Math.abs(low % 2)) / 10 ** digits).toFixed(digits);
}

function size(bytes) {
  if (bytes === null || bytes === undefined) return "unknown";
  let amount = Math.abs(bytes);
  let place = 0;
  let digits = 0;
  for (;;) {
    digits = place === 0 || amount >= 99.95 ? 0 : 1;
    if (Number(fixed(amount, digits)) < 1024 || place === UNITS.length - 1) break;
    amount /= 1024;
    place += 1;
  }
  return `${bytes < 0 ? "-" : ""}${fixed(amount, digits)} ${UNITS[place]}`;
}

// For an axis, whose numbers are round.
function round(bytes) {
  return size(bytes).replace(".0 ", " ");
}

function percent(share) {
  if (share === null || share === undefined) return "unknown";
  return share > 0 && share < 0.0995 ? `${fixed(share * 100, 1)} %` : `${fixed(share * 100, 0)} %`;
}

function two(number) {
  return String(number).padStart(2, "0");
}

function uptime(ms) {
  const seconds = Math.floor(ms / 1000);
  const days = Math.floor(seconds / 86400);
  const clock = `${Math.floor((seconds % 86400) / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days ? `${days} d ${clock}` : clock;
}

function utc(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${Math.floor(ms / 1000)} s after 1970` : date.toISOString().slice(0, 19).replace("T", " ");
}

function duration(ms) {
  if (ms < 1000) return `${fixed(ms, 0)} ms`;
  if (ms < 9950) return `${fixed(ms / 1000, 1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(ms / 1000);
  for (const [unit, name, part, partName] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (seconds >= unit) {
      const rest = Math.floor((seconds % unit) / part);
      return `${Math.floor(seconds / unit)} ${name}${rest ? ` ${rest} ${partName}` : ""}`;
    }
  }
  return `${seconds} s`;
}

const TIME_STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
  2592000, 31536000,
].map((seconds) => seconds * 1000);

// Round numbers on a logarithmic axis of sizes in kB: powers of 4, of 2 where these are few, or steps.
function roundPowers(least, top) {
  for (const factor of [4, 2]) {
    const found = [];
    for (let step = 1; step <= top; step *= factor) if (step >= least) found.push(step);
    if (found.length > 2) return found;
  }
  const step = sizeSteps(top - least, 3);
  const found = [];
  for (let at = Math.ceil(least / step) * step; at <= top; at += step) found.push(at);
  return found;
}

// Round steps for an axis of sizes in kB, about `wanted` of them.
function sizeSteps(top, wanted) {
  let unit = 1;
  while (unit * 1024 <= top / 2) unit *= 1024;
  const least = top / wanted / unit;
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1024].find((one) => one >= least) ?? 1024;
  return step * unit;
}
