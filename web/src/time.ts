// How times are told: a clock in the room, a short distance in the list, the whole date on demand.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Days of the local calendar between two moments (not spans of 24 hours). */
export function daysBetween(earlier: Date, later: Date): number {
  const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(later) - midnight(earlier)) / (24 * HOUR));
}

export function clock(date: Date, locale?: string): string {
  return new Intl.DateTimeFormat(locale, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).format(date);
}

/**
 * For day dividers: "Today", "Yesterday", "Monday 3 March", with the year when it is another one.
 */
export function dayName(date: Date, now: Date, locale?: string): string {
  const days = daysBetween(date, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  const sameYear = date.getFullYear() === now.getFullYear();
  return new Intl.DateTimeFormat(locale, {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...(sameYear ? {} : { year: "numeric" as const }),
  }).format(date);
}

/** For the list of rooms: "now", "5 min", "14:05" today, "Tue" this week, "3 Mar", "3 Mar 2024". */
export function distance(date: Date, now: Date, locale?: string): string {
  const passed = now.getTime() - date.getTime();
  if (passed < MINUTE) return "now";
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min`;
  const days = daysBetween(date, now);
  if (days <= 0) return clock(date, locale);
  if (days < 7) return new Intl.DateTimeFormat(locale, { weekday: "short" }).format(date);
  const sameYear = date.getFullYear() === now.getFullYear();
  return new Intl.DateTimeFormat(locale, {
    day: "numeric",
    month: "short",
    ...(sameYear ? {} : { year: "numeric" as const }),
  }).format(date);
}

export function wholeDate(date: Date, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" }).format(date);
}

/**
 * Two messages of one author stay in one group when they are of the same day and at most five
 * minutes apart.
 */
export function sameGroup(earlier: Date, later: Date): boolean {
  return daysBetween(earlier, later) === 0 && later.getTime() - earlier.getTime() <= 5 * MINUTE;
}
