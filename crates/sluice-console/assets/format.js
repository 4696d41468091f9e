// @ts-check
// Numbers, money and durations as `format.rs` writes them, for what comes after the page.

/**
 * With so many decimal places; what lies in the middle goes to the even digit, as in Rust.
 * @param {number} number
 * @param {number} places
 * @returns {string}
 */
function fixed(number, places) {
  // So many digits are exact: only what is the very middle ends like this.
  if (!/50{29}$/.test(number.toFixed(places + 30))) return number.toFixed(places);
  const scale = 10 ** places;
  const low = Math.floor(number * scale);
  return ((low % 2 === 0 ? low : low + 1) / scale).toFixed(places);
}

/** @param {number} number @returns {string} `1.23`, `12.3`, `123` */
function threeDigits(number) {
  const size = Math.abs(number);
  return fixed(number, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

/** @param {bigint|number} number @returns {string} `12,345` */
export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** @param {number} number @returns {string} `1,234`, `12.3k` */
export function short(number) {
  if (number < 10_000) return count(number);
  for (const [limit, unit, name] of /** @type {[number, number, string][]} */ ([[999_500, 1e3, "k"], [999_500_000, 1e6, "M"], [999_500_000_000, 1e9, "B"]])) {
    if (number < limit) return threeDigits(number / unit) + name;
  }
  return `${threeDigits(number / 1e12)}T`;
}

/** @param {number} ms @returns {string} `340 ms`, `1.24 s`, `2 min 5 s`, `3 h 12 min`, `4 d 2 h` */
export function duration(ms) {
  if (!Number.isFinite(ms) || ms < 0) return "–";
  if (ms < 10) return `${fixed(ms, 1).replace(/\.0$/, "")} ms`;
  if (ms < 999.5) return `${fixed(ms, 0)} ms`;
  if (ms < 59_950) return `${threeDigits(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

const NANO = 1_000_000_000n;
/** @type {Record<string, string>} */
const SYMBOLS = { USD: "$", CNY: "¥", JPY: "¥", EUR: "€", GBP: "£", INR: "₹", KRW: "₩" };

/**
 * Nano-dollars in a currency.
 * @param {bigint|number} nano
 * @param {{code: string, rate: bigint}|null} [currency] `rate`: what a dollar is in it, in millionths
 * @returns {string}
 */
export function money(nano, currency = null) {
  const value = BigInt(nano);
  const sign = value < 0n ? "-" : "";
  let size = value < 0n ? -value : value;
  let symbol = "$";
  if (currency) {
    symbol = SYMBOLS[currency.code] ?? `${currency.code} `;
    size = (size * currency.rate) / 1_000_000n;
  }
  let places = 2;
  if (size > 0n && size < NANO) places = size >= NANO / 100n ? 4 : Math.min(12 - String(size).length, 9);
  const unit = 10n ** BigInt(9 - places);
  const rounded = (size + unit / 2n) / unit;
  const scale = NANO / unit;
  return `${sign}${symbol}${count(rounded / scale)}.${String(rounded % scale).padStart(places, "0")}`;
}

/** @param {bigint|number} nano @returns {string} with every digit: `$1.234567891` */
export function exactUsd(nano) {
  const value = BigInt(nano);
  const size = value < 0n ? -value : value;
  const fraction = String(size % NANO).padStart(9, "0").replace(/0+$/, "").padEnd(2, "0");
  return `${value < 0n ? "-" : ""}$${count(size / NANO)}.${fraction}`;
}
