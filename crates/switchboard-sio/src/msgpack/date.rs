//! A `Date` as text, as `JSON.stringify` writes it.

use std::io::Write;

/// Appends `"2020-01-31T12:00:00.000Z"` with its quotes, or `null` for what is no date in
/// JavaScript.
///
/// Spec: ECMA-262, sections 21.4.1.1 (range) and 21.4.1.32 (format).
pub(super) fn write(milliseconds: i64, output: &mut Vec<u8>) {
    if MILLISECONDS_MAX < milliseconds.unsigned_abs() {
        output.extend_from_slice(b"null");
        return;
    }
    let (year, month, day) = civil(milliseconds.div_euclid(DAY));
    let time = milliseconds.rem_euclid(DAY);
    let (hour, minute) = (time / 3_600_000, time / 60_000 % 60);
    let (second, fraction) = (time / 1_000 % 60, time % 1_000);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    // Writing to a vector does not fail.
    let _ = write!(
        output,
        "\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z\""
    );
}

/// Year, month and day of a day since 1970 in the Gregorian calendar.
///
/// Counted in years that begin in March, so that the leap day is a year's last; 400 of them repeat.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_TO_1970;
    let (era, day) = (day.div_euclid(ERA), day.rem_euclid(ERA));
    // Take out the leap days that were before: one in 4 years, but not in 100, but in 400.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // From March, months have 31, 30, 31, 30, 31 days, over and over: 153 in five.
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year + era * 400;
    if month < 10 { (year, month + 3, day_of_month) } else { (year + 1, month - 9, day_of_month) }
}

/// What a `Date` can say: 100 million days around 1970.
const MILLISECONDS_MAX: u64 = 8_640_000_000_000_000;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Days from March 1 of year 0 to January 1, 1970.
const DAYS_TO_1970: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;
