//! Running cron triggers: for each version with schedules a task that waits until one is due.
//!
//! A run is entered in the log before it begins, which refuses what ran before. What was due while the machine slept,
//! or when its clock was set forward, runs once, for the latest time; what was due while no server ran does not run.

use std::sync::Arc;
use std::time::Duration;

use hognose_config::Schedule;
use hognose_services::crons::RunLog;
use hognose_services::{Clock, SystemClock};
use hognose_wire::LogLevel;

use crate::scheduled::Outcome;
use crate::version::Version;

/// How often the clock is looked at, which may be set meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What runs a Worker by the clock.
#[derive(Clone)]
pub struct CronTriggers {
    /// When.
    pub schedules: Vec<Schedule>,
    /// Where runs are entered.
    pub log: Arc<RunLog>,
}

/// Which schedules are due, seen from one look at the clock to the next.
struct Timetable {
    schedules: Vec<Schedule>,
    looked_until_ms: i64,
}

impl Timetable {
    /// What has become due since the last look: for each schedule the latest time at most.
    fn due(&mut self, now_ms: i64) -> Vec<(Schedule, i64)> {
        // A clock that was set back shows times again. The log knows those that ran.
        let after_ms = self.looked_until_ms.min(now_ms - 1);
        self.looked_until_ms = now_ms;
        let due = |schedule: &Schedule| Some((schedule.clone(), schedule.last_within(after_ms, now_ms)?));
        self.schedules.iter().filter_map(due).collect()
    }

    /// How long it is until the next is due.
    fn wait(&self) -> Duration {
        let next_ms =
            self.schedules.iter().filter_map(|schedule| schedule.next_after(self.looked_until_ms)).min();
        let wait_ms = next_ms.map(|next_ms| (next_ms - self.looked_until_ms).max(0) as u64);
        wait_ms.map_or(LOOK_INTERVAL, |ms| Duration::from_millis(ms).min(LOOK_INTERVAL))
    }
}

/// Runs what becomes due until the version is retired. What is under way then ends by itself.
pub(crate) async fn run(version: Arc<Version>, triggers: CronTriggers) {
    let CronTriggers { schedules, log } = triggers;
    let looked_until_ms = log.looked_until(version.name(), SystemClock.now_ms());
    let mut timetable = Timetable { schedules, looked_until_ms };
    while !version.retiring().is_cancelled() {
        for (schedule, due_ms) in timetable.due(SystemClock.now_ms()) {
            let (running, log) = (Arc::clone(&version), Arc::clone(&log));
            version.tasks().spawn(async move { run_once(&running, &log, &schedule, due_ms).await });
        }
        log.look(version.name(), timetable.looked_until_ms);
        version.retiring().run_until_cancelled(tokio::time::sleep(timetable.wait())).await;
    }
}

async fn run_once(version: &Arc<Version>, log: &RunLog, schedule: &Schedule, due_ms: i64) {
    match log.claim(version.name(), schedule.text(), due_ms).wait().await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return version.log(LogLevel::Error, error.to_string()),
    }
    // What the handler raised was logged where it was raised.
    if let Outcome::Lost(reason) = version.run_scheduled(schedule.text(), due_ms as f64).await.outcome {
        version.log(LogLevel::Error, format!("a run of the cron trigger `{schedule}` was lost: {reason}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn timetable(looked_until_ms: i64) -> Timetable {
        let schedules = ["0 * * * *", "0 6 * * *"].map(|cron| Schedule::parse(cron).unwrap());
        Timetable { schedules: schedules.to_vec(), looked_until_ms }
    }

    fn due(timetable: &mut Timetable, now_ms: i64) -> Vec<(String, i64)> {
        timetable.due(now_ms).into_iter().map(|(schedule, at)| (schedule.to_string(), at)).collect()
    }

    #[test]
    fn each_schedule_is_due_once() {
        let mut timetable = timetable(HOUR / 2);
        assert_eq!(due(&mut timetable, HOUR - 1), []);
        assert_eq!(due(&mut timetable, HOUR), [("0 * * * *".to_owned(), HOUR)]);
        assert_eq!(due(&mut timetable, HOUR + 1), []);
        due(&mut timetable, 5 * HOUR);
        assert_eq!(
            due(&mut timetable, 6 * HOUR),
            [("0 * * * *".to_owned(), 6 * HOUR), ("0 6 * * *".to_owned(), 6 * HOUR)]
        );
    }

    #[test]
    fn after_a_jump_forward_the_latest_run_is_made_up_for() {
        let mut timetable = timetable(7 * HOUR);
        assert_eq!(
            due(&mut timetable, DAY + 8 * HOUR + 1),
            [("0 * * * *".to_owned(), DAY + 8 * HOUR), ("0 6 * * *".to_owned(), DAY + 6 * HOUR)]
        );
    }

    #[test]
    fn after_a_jump_back_times_come_again() {
        let mut timetable = timetable(DAY + HOUR / 2);
        assert_eq!(due(&mut timetable, HOUR / 2), []);
        // The log refuses it where it ran.
        assert_eq!(due(&mut timetable, HOUR), [("0 * * * *".to_owned(), HOUR)]);
    }

    #[test]
    fn the_clock_is_looked_at_often_enough_to_see_it_set() {
        let mut timetable = timetable(0);
        assert_eq!(timetable.wait(), LOOK_INTERVAL);
        timetable.looked_until_ms = HOUR - 10;
        assert_eq!(timetable.wait(), Duration::from_millis(10));
    }
}
