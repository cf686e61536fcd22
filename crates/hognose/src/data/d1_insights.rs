//! `hognose d1 insights`: which statements on a database cost most. Only the server that runs them knows.

use clap::{Args, ValueEnum};
use hognose_services::d1::Costs;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ListArguments, Place, PlaceArguments, d1_files, print_list};
use crate::console::Console;
use crate::control::{Control, escaped};
use crate::error::CommandError;
use crate::target::block_on;

#[derive(Debug, Args)]
pub(crate) struct InsightsArguments {
    /// The database: its name, its binding or its id
    name: String,
    /// What makes a statement expensive
    #[arg(long, value_enum, default_value_t = SortBy::Time, value_name = "WHAT")]
    sort_by: SortBy,
    /// Whether all runs count, or one of them
    #[arg(long, value_enum, default_value_t = SortType::Sum, value_name = "HOW")]
    sort_type: SortType,
    /// The expensive ones first, or last
    #[arg(long, value_enum, default_value_t = Direction::Desc, ignore_case = true, value_name = "ORDER")]
    sort_direction: Direction,
    /// How many to show
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    limit: usize,
    /// Accepted for wrangler's sake: all since the start of the server counts
    #[arg(long, visible_alias = "timePeriod", hide = true)]
    time_period: Option<String>,
    #[command(flatten)]
    list: ListArguments,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SortBy {
    /// How long it takes
    Time,
    /// The rows it reads
    Reads,
    /// The rows it writes
    Writes,
    /// How often it is run
    Count,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SortType {
    /// All of them
    Sum,
    /// One of them, on average
    Avg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// Last
    Asc,
    /// First
    Desc,
}

/// What the API says of a statement, by wrangler's names.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryInsight {
    query: String,
    number_of_times_run: u64,
    total_duration_ms: f64,
    total_rows_read: u64,
    total_rows_written: u64,
    /// How many rows it gave for each that it read.
    query_efficiency: f64,
}

impl QueryInsight {
    /// The costs of a text.
    pub(crate) fn new(query: String, costs: Costs) -> Self {
        let read = costs.rows_read;
        Self {
            query,
            number_of_times_run: costs.runs,
            total_duration_ms: costs.duration_ms,
            total_rows_read: read,
            total_rows_written: costs.rows_written,
            query_efficiency: if read == 0 { 0.0 } else { costs.rows_given as f64 / read as f64 },
        }
    }

    /// What the sum is for one run.
    fn average(&self, sum: f64) -> f64 {
        sum / self.number_of_times_run as f64
    }

    fn measure(&self, by: SortBy, how: SortType) -> f64 {
        let sum = match by {
            SortBy::Time => self.total_duration_ms,
            SortBy::Reads => self.total_rows_read as f64,
            SortBy::Writes => self.total_rows_written as f64,
            // An average of that would be 1.
            SortBy::Count => return self.number_of_times_run as f64,
        };
        match how {
            SortType::Sum => sum,
            SortType::Avg => self.average(sum),
        }
    }
}

/// Runs the command.
pub(crate) fn insights(arguments: &InsightsArguments, console: Console) -> Result<(), CommandError> {
    let place = Place::find(&arguments.place, console)?;
    let (_, file) = d1_files::existing(&arguments.name, &place)?;
    let path = format!("/d1/database/{}/insights", escaped(&file.id));
    let mut all: Vec<QueryInsight> = block_on(Control::new(&place.state).get(&path))?;
    let measure = |insight: &QueryInsight| insight.measure(arguments.sort_by, arguments.sort_type);
    all.sort_by(|one, other| match arguments.sort_direction {
        Direction::Asc => measure(one).total_cmp(&measure(other)),
        Direction::Desc => measure(other).total_cmp(&measure(one)),
    });
    all.truncate(arguments.limit);
    print_list(&KEYS, all.iter().map(row).collect(), arguments.list);
    Ok(())
}

/// What lists show of a statement.
const KEYS: [&str; 9] = [
    "query",
    "avgRowsRead",
    "totalRowsRead",
    "avgRowsWritten",
    "totalRowsWritten",
    "avgDurationMs",
    "totalDurationMs",
    "numberOfTimesRun",
    "queryEfficiency",
];

fn row(insight: &QueryInsight) -> Vec<serde_json::Value> {
    vec![
        json!(insight.query),
        json!(insight.average(insight.total_rows_read as f64)),
        json!(insight.total_rows_read),
        json!(insight.average(insight.total_rows_written as f64)),
        json!(insight.total_rows_written),
        json!(insight.average(insight.total_duration_ms)),
        json!(insight.total_duration_ms),
        json!(insight.number_of_times_run),
        json!(insight.query_efficiency),
    ]
}
