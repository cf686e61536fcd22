//! Cron schedules in Cloudflare's syntax: five fields (minute, hour, day of month, month, weekday), in UTC. Weekdays
//! count from 1, which is Sunday, and a day may also be named by where it lies in its month (`L`, `LW`, `15W`, `6L`,
//! `MON#2`). Where both day fields restrict, a day that fits either is taken, as cron does everywhere.

use std::fmt;

use crate::date::Date;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Cloudflare counts weekdays from 1, which is Sunday.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const MINUTE: Field = Field { name: "minute", least: 0, most: 59, names: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, names: &[] };
const DAY: Field = Field { name: "day of month", least: 1, most: 31, names: &[] };
const MONTH: Field = Field { name: "month", least: 1, most: 12, names: &MONTHS };
const WEEKDAY: Field = Field { name: "weekday", least: 1, most: 7, names: &WEEKDAYS };

const MINUTE_MS: i64 = 60_000;
const MINUTES_PER_DAY: i64 = 24 * 60;
const DAY_MS: i64 = MINUTES_PER_DAY * MINUTE_MS;

/// How far ahead a run is looked for: every combination of date and weekday comes up within the 28 years of the solar
/// cycle, and within 40 where a year is left out of the leap years.
const DAYS_AHEAD_MAX: i64 = 40 * 366;

/// When something is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    minutes: u64,
    hours: u64,
    days: Days,
    months: u64,
    weekdays: Days,
}

/// The days that one of the two day fields allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Days {
    /// The field is `*`, or begins so: it leaves the choice to the other one.
    any: bool,
    /// By number, a bit each.
    numbers: u64,
    special: Vec<Special>,
}

/// A day named by where it lies in its month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    /// `L` in the day of month.
    Last,
    /// `LW`: the last from Monday to Friday.
    LastWorkday,
    /// `15W`: the one from Monday to Friday nearest to this, in the same month.
    WorkdayNear(u32),
    /// `6L`: the last of this weekday.
    LastWeekday(u32),
    /// `6#2`: the second of this weekday.
    NthWeekday(u32, u32),
}

/// A day as schedules look at it.
#[derive(Clone, Copy)]
struct Day {
    number: u32,
    month: u32,
    /// 1 is Sunday.
    weekday: u32,
    /// How many its month has.
    month_length: u32,
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names for the values from `least` on.
    names: &'static [&'static str],
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What is wrong with it, as half a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = &parts[..] else {
            return Err(format!("it has {} fields instead of 5", parts.len()));
        };
        let none = |_: &str| None;
        Ok(Self {
            text: text.to_owned(),
            minutes: MINUTE.days(minute, none)?.numbers,
            hours: HOUR.days(hour, none)?.numbers,
            days: DAY.days(day, special_day)?,
            months: MONTH.days(month, none)?.numbers,
            weekdays: WEEKDAY.days(weekday, special_weekday)?,
        })
    }

    /// The schedule as it was written, which is how a Worker is told of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first time after `after_ms`, both in milliseconds since the epoch; `None` where there is none (a 30th of
    /// February).
    pub fn next_after(&self, after_ms: i64) -> Option<i64> {
        let first = after_ms.div_euclid(DAY_MS);
        (first..first + DAYS_AHEAD_MAX).filter(|day| self.takes_day(Day::of(*day))).find_map(|day| {
            let since_minute = (after_ms - day * DAY_MS).div_euclid(MINUTE_MS) + 1;
            self.minute_from(since_minute.max(0)).map(|minute| day * DAY_MS + minute * MINUTE_MS)
        })
    }

    /// The last time that is later than `after_ms` and not later than `until_ms`.
    pub fn last_within(&self, after_ms: i64, until_ms: i64) -> Option<i64> {
        let (first, last) = (after_ms.div_euclid(DAY_MS), until_ms.div_euclid(DAY_MS));
        let days =
            (first.max(last - DAYS_AHEAD_MAX)..=last).rev().filter(|day| self.takes_day(Day::of(*day)));
        let mut times = days.filter_map(|day| {
            let minutes = (until_ms - day * DAY_MS).div_euclid(MINUTE_MS).min(MINUTES_PER_DAY - 1);
            let last = (0..=minutes).rev().find(|minute| self.takes_minute(*minute));
            last.map(|minute| day * DAY_MS + minute * MINUTE_MS)
        });
        times.next().filter(|at_ms| *at_ms > after_ms)
    }

    /// The first minute of a day, counted from its start, that is not before `first`.
    fn minute_from(&self, first: i64) -> Option<i64> {
        (first..MINUTES_PER_DAY).find(|minute| self.takes_minute(*minute))
    }

    fn takes_minute(&self, minute: i64) -> bool {
        has(self.hours, (minute / 60) as u32) && has(self.minutes, (minute % 60) as u32)
    }

    fn takes_day(&self, day: Day) -> bool {
        let by_number = || self.days.take(day.number, day);
        let by_weekday = || self.weekdays.take(day.weekday, day);
        let fits = match (self.days.any, self.weekdays.any) {
            (false, false) => by_number() || by_weekday(),
            _ => by_number() && by_weekday(),
        };
        fits && has(self.months, day.month)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Days {
    fn take(&self, number: u32, day: Day) -> bool {
        has(self.numbers, number) || self.special.iter().any(|special| special.is(day))
    }
}

impl Special {
    fn is(self, day: Day) -> bool {
        match self {
            Self::Last => day.number == day.month_length,
            Self::LastWorkday => day.number == workday_near(day.month_length, day),
            Self::WorkdayNear(number) => day.number == workday_near(number, day),
            Self::LastWeekday(weekday) => day.weekday == weekday && day.number + 7 > day.month_length,
            Self::NthWeekday(weekday, nth) => day.weekday == weekday && day.number.div_ceil(7) == nth,
        }
    }
}

/// The number of the day from Monday to Friday nearest to the given one, in the month of `day`; 0 where the month has no
/// such day.
fn workday_near(number: u32, day: Day) -> u32 {
    let is_sunday = |number: u32| (day.weekday + 34 + number - day.number).is_multiple_of(7);
    match number {
        number if number > day.month_length => 0,
        // Saturday, before a Sunday.
        1 if is_sunday(2) => 3,
        number if is_sunday(number + 1) => number - 1,
        number if is_sunday(number) && number == day.month_length => number - 2,
        number if is_sunday(number) => number + 1,
        number => number,
    }
}

impl Day {
    /// The day that is this many after 1970-01-01, a Thursday.
    fn of(days: i64) -> Self {
        let (year, month, number) = Date::from_unix_seconds((days * 86_400).max(0) as u64).parts();
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let month_length = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let weekday = (days + 4).rem_euclid(7) as u32 + 1;
        Self { number: number.into(), month: month.into(), weekday, month_length }
    }
}

impl Field {
    /// Reads a field's text; `special` reads the forms that only this one has.
    fn days(&self, text: &str, special: impl Fn(&str) -> Option<Special>) -> Result<Days, String> {
        let mut days = Days { any: text.starts_with('*'), ..Days::default() };
        for item in text.split(',') {
            match (special(item), self.values(item)) {
                (Some(named), _) => days.special.push(named),
                (None, Some(numbers)) => days.numbers |= numbers,
                (None, None) => {
                    return Err(format!(
                        "\"{item}\" is not a {} ({} to {})",
                        self.name, self.least, self.most
                    ));
                }
            }
        }
        Ok(days)
    }

    /// The numbers of `*`, a value or a range, each with an optional step.
    fn values(&self, item: &str) -> Option<u64> {
        // In weekdays, a bare `L` is the last one.
        if item == "l" && self.name == WEEKDAY.name {
            return Some(1 << WEEKDAY.most);
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (item, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            // `5/15` begins at 5.
            None => (self.value(range)?, step.map_or(self.value(range)?, |_| self.most)),
        };
        let step = step.unwrap_or(1);
        let count = self.most - self.least + 1;
        // A range may run over the end, as `FRI-MON` does.
        let length = (to + count - from) % count;
        let numbers = (0..=length).step_by(step.max(1) as usize);
        let bits = numbers.map(|offset| 1 << (self.least + (from - self.least + offset) % count));
        (1..=self.most).contains(&step).then(|| bits.fold(0, |all, bit: u64| all | bit))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| *name == text).map(|index| self.least + index as u32);
        named.or_else(|| number(text)).filter(|value| (self.least..=self.most).contains(value))
    }
}

fn special_day(item: &str) -> Option<Special> {
    match item {
        "l" => Some(Special::Last),
        "lw" | "wl" => Some(Special::LastWorkday),
        _ => DAY.value(item.strip_suffix('w')?).map(Special::WorkdayNear),
    }
}

fn special_weekday(item: &str) -> Option<Special> {
    if let Some((weekday, nth)) = item.split_once('#') {
        let nth = number(nth).filter(|nth| (1..=5).contains(nth))?;
        return WEEKDAY.value(weekday).map(|weekday| Special::NthWeekday(weekday, nth));
    }
    WEEKDAY.value(item.strip_suffix('l')?).map(Special::LastWeekday)
}

/// Digits only: no sign, no blanks.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn has(bits: u64, number: u32) -> bool {
    bits >> number & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01T00:00:00Z, a Monday.
    const NEW_YEAR: i64 = 1_704_067_200_000;

    /// The first runs from the new year of 2024 on, as `MM-DD HH:MM`.
    fn runs(cron: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(cron).unwrap();
        let mut at = NEW_YEAR - 1;
        let next = || {
            at = schedule.next_after(at)?;
            let minutes = at / MINUTE_MS;
            let date = Date::from_unix_seconds(at as u64 / 1000).to_string();
            Some(format!("{} {:02}:{:02}", &date[5..], minutes / 60 % 24, minutes % 60))
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn times_of_day() {
        assert_eq!(runs("* * * * *", 2), ["01-01 00:00", "01-01 00:01"]);
        assert_eq!(runs("*/25 0 * * *", 4), ["01-01 00:00", "01-01 00:25", "01-01 00:50", "01-02 00:00"]);
        assert_eq!(runs("50/5 23 * * *", 3), ["01-01 23:50", "01-01 23:55", "01-02 23:50"]);
        assert_eq!(runs("0 22-1 * * *", 4), ["01-01 00:00", "01-01 01:00", "01-01 22:00", "01-01 23:00"]);
    }

    #[test]
    fn weekdays_count_from_sunday() {
        assert_eq!(runs("0 0 * * 1", 2), ["01-07 00:00", "01-14 00:00"]);
        assert_eq!(runs("0 0 * * SAT", 1), ["01-06 00:00"]);
        assert_eq!(runs("0 0 * * L", 1), ["01-06 00:00"]);
        assert_eq!(runs("0 0 * * FRI-MON", 4), ["01-01 00:00", "01-05 00:00", "01-06 00:00", "01-07 00:00"]);
    }

    #[test]
    fn days_by_their_place_in_the_month() {
        assert_eq!(runs("0 0 L * *", 3), ["01-31 00:00", "02-29 00:00", "03-31 00:00"]);
        // The 31st of March 2024 is a Sunday.
        assert_eq!(runs("0 0 LW * *", 3), ["01-31 00:00", "02-29 00:00", "03-29 00:00"]);
        // The 14th of January is a Sunday, the 1st of June a Saturday.
        assert_eq!(runs("0 0 14W 1 *", 1), ["01-15 00:00"]);
        assert_eq!(runs("0 0 1W 6 *", 1), ["06-03 00:00"]);
        assert_eq!(runs("0 0 31W 3 *", 1), ["03-29 00:00"]);
        assert_eq!(runs("0 0 * * 6L", 2), ["01-26 00:00", "02-23 00:00"]);
        assert_eq!(runs("0 0 * * mon#2", 2), ["01-08 00:00", "02-12 00:00"]);
    }

    #[test]
    fn a_day_may_fit_either_field() {
        assert_eq!(runs("0 0 3 * MON", 3), ["01-01 00:00", "01-03 00:00", "01-08 00:00"]);
        assert_eq!(runs("0 0 29 2 *", 2), ["02-29 00:00", "02-29 00:00"]);
        assert_eq!(Schedule::parse("0 0 30 2 *").unwrap().next_after(NEW_YEAR), None);
    }

    #[test]
    fn the_next_time_is_later_than_the_one_given() {
        let schedule = Schedule::parse("0 0 * * *").unwrap();
        assert_eq!(schedule.next_after(NEW_YEAR), Some(NEW_YEAR + DAY_MS));
        assert_eq!(schedule.next_after(NEW_YEAR - 1), Some(NEW_YEAR));
    }

    #[test]
    fn the_last_time_lies_within_its_bounds() {
        let schedule = Schedule::parse("0 6 * * *").unwrap();
        let six = NEW_YEAR + DAY_MS / 4;
        assert_eq!(schedule.last_within(six - 1, six), Some(six));
        assert_eq!(schedule.last_within(six, six + DAY_MS - 1), None);
        assert_eq!(schedule.last_within(six, six + DAY_MS * 365), Some(six + DAY_MS * 365));
        assert_eq!(schedule.last_within(NEW_YEAR, six - 1), None);
    }

    #[test]
    fn schedules_in_cloudflares_syntax_are_taken() {
        for cron in
            ["* * * * *", "*/5 0-23/2 1,15 JAN-mar MON-FRI", "59 23 31 12 7", "0 0 15W * *", "0 0 * * friL"]
        {
            assert!(Schedule::parse(cron).is_ok_and(|schedule| schedule.text() == cron), "{cron}");
        }
    }

    #[test]
    fn values_one_past_their_range_are_refused() {
        for (cron, reason) in [
            ("60 * * * *", "\"60\" is not a minute (0 to 59)"),
            ("* 24 * * *", "\"24\" is not a hour (0 to 23)"),
            ("* * 32 * *", "\"32\" is not a day of month (1 to 31)"),
            ("* * 0 * *", "\"0\" is not a day of month (1 to 31)"),
            ("* * 32W * *", "\"32w\" is not a day of month (1 to 31)"),
            ("* * * 13 *", "\"13\" is not a month (1 to 12)"),
            ("* * * * 0", "\"0\" is not a weekday (1 to 7)"),
            ("* * * * 8", "\"8\" is not a weekday (1 to 7)"),
            ("* * * * 2#6", "\"2#6\" is not a weekday (1 to 7)"),
            ("*/0 * * * *", "\"*/0\" is not a minute (0 to 59)"),
            ("+1 * * * *", "\"+1\" is not a minute (0 to 59)"),
            ("* * * *", "it has 4 fields instead of 5"),
            ("* * * * * *", "it has 6 fields instead of 5"),
        ] {
            assert_eq!(Schedule::parse(cron).unwrap_err(), reason, "{cron}");
        }
    }
}
