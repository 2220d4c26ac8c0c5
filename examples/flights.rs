//! When and why do flights leave New York late? Average delays of departures per airport and hour, with the airline that
//! was worst and the weather of that hour.
//!
//! Shows: global tables and left joins with them, one-hour windows over event time, a custom aggregate, data as
//! it comes: cancelled flights without a delay, hours without weather, rows that do not parse.
//!
//! ```sh
//! make demo                                        # the week of a blizzard, from the data that comes with the example
//! make demo DATA=folder                            # all of 2013, see data/README.md
//! cargo run -p examples --bin flights -- --bootstrap-servers localhost:9092
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use chrono::{DateTime, Duration, Utc};
use examples::{ExampleApp, InputRecord, Options, OutputRecord, Result, Topic};
use kstreams::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// Flights by the airport that they leave from, at the times at which they should.
const FLIGHTS: &str = "flights";
/// Names of airlines by their codes.
const AIRLINES: &str = "airlines";
/// The weather by airport and hour.
const WEATHER: &str = "weather";
/// The result, by airport and hour.
const DEPARTURES: &str = "departures-per-hour";

/// A flight, as on its topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// The airline's code; its name once it is known.
    pub airline: String,
    /// The flight's number.
    pub number: u32,
    /// Where it goes.
    pub to: String,
    /// The hour in which it should leave, by the clocks of New York.
    pub hour: String,
    /// How many minutes late it left, early if negative; nothing if it did not.
    pub delay_min: Option<i64>,
}

/// An hour's weather at an airport; stations do not report everything always.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weather {
    #[serde(deserialize_with = "number_or_na")]
    temp: Option<f64>,
    #[serde(deserialize_with = "number_or_na")]
    wind_speed: Option<f64>,
    #[serde(deserialize_with = "number_or_na")]
    precip: Option<f64>,
    #[serde(deserialize_with = "number_or_na")]
    visib: Option<f64>,
}

/// How many flights left late, and by how much in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// Flights that left.
    pub departed: i64,
    /// Their minutes of delay together.
    pub minutes: i64,
    /// Flights that did not leave.
    pub cancelled: i64,
}

/// What happened at an airport in an hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Departures {
    /// The hour, by the clocks of New York.
    pub hour: String,
    /// All flights.
    pub all: Delays,
    /// Flights of each airline.
    pub by_airline: BTreeMap<String, Delays>,
    /// The weather, if it is known.
    pub weather: Option<Weather>,
}

json_serde!(Flight, Weather, Departures);

impl Delays {
    fn add(&mut self, delay_min: Option<i64>) {
        match delay_min {
            Some(minutes) => {
                self.departed += 1;
                self.minutes += minutes;
            }
            None => self.cancelled += 1,
        }
    }

    fn plus(self, other: Delays) -> Delays {
        Delays {
            departed: self.departed + other.departed,
            minutes: self.minutes + other.minutes,
            cancelled: self.cancelled + other.cancelled,
        }
    }

    /// Minutes per flight that left.
    pub fn average(&self) -> Option<f64> {
        (self.departed > 0).then(|| self.minutes as f64 / self.departed as f64)
    }
}

impl Departures {
    fn with(mut self, flight: Flight) -> Self {
        self.all.add(flight.delay_min);
        self.by_airline.entry(flight.airline).or_default().add(flight.delay_min);
        self.hour = flight.hour;
        self
    }

    /// The airline with the largest average delay.
    pub fn worst_airline(&self) -> Option<(&str, f64)> {
        let averages =
            self.by_airline.iter().filter_map(|(name, delays)| Some((name.as_str(), delays.average()?)));
        averages.max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// Averages delays per airport and hour.
pub fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let airlines = builder.global_table::<String, String>(AIRLINES);
    let weather = builder.global_table::<String, Weather>(WEATHER);
    builder
        .stream::<String, Flight>(FLIGHTS)
        .left_join_global(&airlines, |_airport, flight| flight.airline.clone(), with_name)
        .group_by_key()
        .windowed_by(TimeWindows::of_size_and_grace(hours(1), minutes(10)))
        .aggregate_with(
            Departures::default,
            |_airport, flight, departures| departures.with(flight),
            Materialized::named("departures"),
        )
        .to_stream()
        .flat_map(|window, departures| {
            departures.map(|departures| (airport_and_hour(&window.key, window.window.start_ms), departures))
        })
        .left_join_global(&weather, |airport_and_hour, _| airport_and_hour.clone(), with_weather)
        .to(DEPARTURES);
    Ok(builder.build()?)
}

/// An airline without a name goes by its code.
fn with_name(mut flight: Flight, name: Option<String>) -> Flight {
    flight.airline = name.unwrap_or(std::mem::take(&mut flight.airline));
    flight
}

fn with_weather(mut departures: Departures, weather: Option<Weather>) -> Departures {
    departures.weather = weather;
    departures
}

/// The key of weather and results: `JFK 2013-02-08T17:00Z`.
fn airport_and_hour(airport: &str, time_ms: Timestamp) -> String {
    let time = DateTime::from_timestamp_millis(time_ms).unwrap_or_default();
    format!("{airport} {}", time.format("%Y-%m-%dT%H:00Z"))
}

/// A row of flights.csv.
#[derive(Deserialize)]
struct FlightRow {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    #[serde(deserialize_with = "number_or_na")]
    dep_delay: Option<f64>,
    carrier: String,
    flight: u32,
    origin: String,
    dest: String,
    time_hour: DateTime<Utc>,
}

impl FlightRow {
    fn record(self) -> Result<InputRecord> {
        let scheduled = self.time_hour + Duration::minutes(self.minute.into());
        let flight = Flight {
            airline: self.carrier,
            number: self.flight,
            to: self.dest,
            hour: format!("{}-{:02}-{:02} {:02}h", self.year, self.month, self.day, self.hour),
            delay_min: self.dep_delay.map(|minutes| minutes.round() as i64),
        };
        InputRecord::new(FLIGHTS, &self.origin, &flight, scheduled.timestamp_millis())
    }
}

/// A row of weather.csv.
#[derive(Deserialize)]
struct WeatherRow {
    origin: String,
    time_hour: DateTime<Utc>,
    #[serde(flatten)]
    weather: Weather,
}

impl WeatherRow {
    fn record(self) -> Result<InputRecord> {
        let hour_ms = self.time_hour.timestamp_millis();
        InputRecord::new(WEATHER, &airport_and_hour(&self.origin, hour_ms), &self.weather, hour_ms)
    }
}

/// A row of airlines.csv.
#[derive(Deserialize)]
struct AirlineRow {
    carrier: String,
    name: String,
}

/// A number, or the `NA` of data that is not there.
fn number_or_na<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Cell {
        Number(f64),
        Text(String),
        Nothing,
    }
    match Cell::deserialize(deserializer)? {
        Cell::Number(number) => Ok(Some(number)),
        Cell::Text(text) if text == "NA" || text.is_empty() => Ok(None),
        Cell::Text(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
        Cell::Nothing => Ok(None),
    }
}

/// The rows of a file that make records; those that do not are reported and left out.
fn read<R: DeserializeOwned>(
    path: &Path,
    record: impl Fn(R) -> Result<InputRecord>,
) -> Result<Vec<InputRecord>> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| {
        format!("cannot read {}: {error}; data/README.md says where the data comes from", path.display())
    })?;
    let (mut records, mut broken, mut first) = (Vec::new(), 0_u64, String::new());
    for row in reader.deserialize::<R>() {
        match row.map_err(Into::into).and_then(&record) {
            Ok(record) => records.push(record),
            Err(error) => {
                broken += 1;
                if broken == 1 {
                    first = error.to_string();
                }
            }
        }
    }
    if broken > 0 {
        eprintln!("{}: left out {broken} rows that do not parse; the first: {first}", path.display());
    }
    Ok(records)
}

/// The example on the folder that the options name.
pub fn app(options: &Options) -> Result<ExampleApp> {
    let folder = options.data_or("nycflights13");
    let mut input = read(&folder.join("airlines.csv"), |row: AirlineRow| {
        InputRecord::new(AIRLINES, &row.carrier, &row.name, 0)
    })?;
    input.extend(read(&folder.join("weather.csv"), WeatherRow::record)?);
    let mut flights = read(&folder.join("flights.csv"), FlightRow::record)?;
    // The file is in the order in which flights left; airports announce them in the order of their schedules.
    flights.sort_by_key(|flight| flight.timestamp);
    input.extend(flights);
    Ok(ExampleApp {
        name: "flights",
        topics: vec![
            Topic::new(AIRLINES, 1),
            Topic::new(WEATHER, 1),
            Topic::new(FLIGHTS, 4),
            Topic::new(DEPARTURES, 4),
        ],
        topology: topology()?,
        input,
        outputs: vec![DEPARTURES],
    })
}

/// Airport and hour with what happened, in the order of airports and hours.
pub fn departures(outputs: &[OutputRecord]) -> Result<Vec<(String, Departures)>> {
    let last = examples::final_records(outputs).into_iter();
    last.map(|record| Ok((record.key::<String>()?, record.value::<Departures>()?))).collect()
}

/// Runs the example and prints delays per airport, the worst hours, and what the weather has to do with it.
pub fn main() -> ExitCode {
    examples::exit(run())
}

fn run() -> Result<()> {
    let options = Options::from_command_line();
    let app = app(&options)?;
    let outcome = examples::run(&app, &options)?;
    let departures = departures(&outcome.outputs)?;
    println!("\n{}\n", outcome.summary());
    println!("Departures from New York, by airport:\n{}", by_airport(&departures));
    println!(
        "The ten hours with the longest delays, of those with five departures or more:\n{}",
        worst(&departures)
    );
    println!("What the weather has to do with it:\n{}", by_weather(&departures));
    Ok(())
}

const DELAY_COLUMNS: [&str; 4] = ["flights", "cancelled", "average delay", "hours"];

/// Rows of delays, grouped by whatever `group` says.
fn grouped(head: &str, all: &[(String, Departures)], group: impl Fn(&str, &Departures) -> String) -> String {
    let mut groups = BTreeMap::<String, (Delays, u64)>::new();
    for (key, departures) in all {
        let (delays, hours) = groups.entry(group(key, departures)).or_default();
        (*delays, *hours) = (delays.plus(departures.all), *hours + 1);
    }
    let row = |(name, (delays, hours)): (&String, &(Delays, u64))| {
        let flights = delays.departed + delays.cancelled;
        vec![
            name.clone(),
            examples::count(flights.unsigned_abs()),
            examples::count(delays.cancelled.unsigned_abs()),
            minutes_text(delays.average()),
            examples::count(*hours),
        ]
    };
    examples::table(&[&[head], &DELAY_COLUMNS[..]].concat(), &groups.iter().map(row).collect::<Vec<_>>())
}

fn minutes_text(minutes: Option<f64>) -> String {
    minutes.map_or("-".to_owned(), |minutes| format!("{minutes:.1} min"))
}

fn by_airport(all: &[(String, Departures)]) -> String {
    grouped("airport", all, |key, _| key.split(' ').next().unwrap_or_default().to_owned())
}

fn by_weather(all: &[(String, Departures)]) -> String {
    grouped("weather", all, |_, departures| {
        let Some(weather) = &departures.weather else { return "not known".to_owned() };
        let wet = if weather.precip.is_some_and(|inches| inches > 0.0) { "wet" } else { "dry" };
        let wind = match weather.wind_speed {
            None => "wind not known",
            Some(mph) if mph < 10.0 => "light wind",
            Some(mph) if mph < 20.0 => "wind",
            Some(_) => "strong wind",
        };
        format!("{wet}, {wind}")
    })
}

fn worst(all: &[(String, Departures)]) -> String {
    let mut hours: Vec<_> = all.iter().filter(|(_, departures)| departures.all.departed >= 5).collect();
    let average = |departures: &Departures| departures.all.average().unwrap_or(0.0);
    hours.sort_by(|(_, a), (_, b)| average(b).total_cmp(&average(a)));
    let row = |(key, departures): &&(String, Departures)| {
        let airline = departures.worst_airline();
        vec![
            key.split(' ').next().unwrap_or_default().to_owned(),
            departures.hour.clone(),
            departures.all.departed.to_string(),
            departures.all.cancelled.to_string(),
            minutes_text(departures.all.average()),
            airline.map_or(String::new(), |(name, delay)| format!("{name} ({delay:.0} min)")),
            departures.weather.as_ref().map_or("not known".to_owned(), weather_text),
        ]
    };
    let head = ["airport", "hour", "departed", "cancelled", "average delay", "worst airline", "weather"];
    examples::table(&head, &hours.iter().take(10).map(row).collect::<Vec<_>>())
}

fn weather_text(weather: &Weather) -> String {
    let parts = [
        weather.temp.map(|fahrenheit| format!("{:.0} °C", (fahrenheit - 32.0) / 1.8)),
        weather.wind_speed.map(|mph| format!("wind {:.0} km/h", mph * 1.609)),
        weather
            .precip
            .filter(|inches| *inches > 0.0)
            .map(|inches| format!("{:.1} mm of rain or snow", inches * 25.4)),
        weather.visib.filter(|miles| *miles < 5.0).map(|miles| format!("sight {:.1} km", miles * 1.609)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn flight(airline: &str, delay_min: Option<i64>) -> Flight {
        let hour = "1970-01-01 00h".to_owned();
        Flight { airline: airline.to_owned(), number: 1, to: "SFO".to_owned(), hour, delay_min }
    }

    #[test]
    fn delays_are_averaged_per_airport_and_hour() {
        let driver = TopologyTestDriver::of(topology().unwrap()).unwrap();
        let weather = driver.create_input_topic::<String, Weather>(WEATHER);
        let airlines = driver.create_input_topic::<String, String>(AIRLINES);
        let flights = driver.create_input_topic::<String, Flight>(FLIGHTS);
        let storm = Weather { temp: None, wind_speed: Some(40.0), precip: None, visib: None };
        weather.pipe(airport_and_hour("JFK", 0), storm.clone(), 0).unwrap();
        airlines.pipe("B6".to_owned(), "JetBlue Airways".to_owned(), 0).unwrap();

        let jfk = || "JFK".to_owned();
        flights.pipe(jfk(), flight("B6", Some(30)), 1).unwrap();
        flights.pipe(jfk(), flight("XX", Some(-2)), HOUR_MS - 1).unwrap();
        flights.pipe(jfk(), flight("B6", None), HOUR_MS - 1).unwrap();
        flights.pipe(jfk(), flight("B6", Some(5)), HOUR_MS).unwrap();
        flights.pipe("EWR".to_owned(), flight("B6", Some(7)), 2).unwrap();

        let results = driver.create_output_topic::<String, Departures>(DEPARTURES);
        let last: BTreeMap<_, _> = results.read_key_values().unwrap().into_iter().collect();
        assert_eq!(
            last.keys().collect::<Vec<_>>(),
            ["EWR 1970-01-01T00:00Z", "JFK 1970-01-01T00:00Z", "JFK 1970-01-01T01:00Z"]
        );
        let first = &last["JFK 1970-01-01T00:00Z"];
        assert_eq!(first.all, Delays { departed: 2, minutes: 28, cancelled: 1 });
        assert_eq!(first.worst_airline(), Some(("JetBlue Airways", 30.0)));
        assert_eq!(first.by_airline["XX"], Delays { departed: 1, minutes: -2, cancelled: 0 });
        assert_eq!(first.weather, Some(storm));
        assert_eq!(last["JFK 1970-01-01T01:00Z"].weather, None);
    }

    #[test]
    fn a_flight_after_the_grace_period_is_dropped() {
        let driver = TopologyTestDriver::of(topology().unwrap()).unwrap();
        let flights = driver.create_input_topic::<String, Flight>(FLIGHTS);
        let results = driver.create_output_topic::<String, Departures>(DEPARTURES);
        flights.pipe("JFK".to_owned(), flight("B6", Some(1)), HOUR_MS + 600_000 - 1).unwrap();
        flights.pipe("JFK".to_owned(), flight("B6", Some(2)), 1).unwrap();
        flights.pipe("JFK".to_owned(), flight("B6", Some(3)), HOUR_MS + 600_000).unwrap();
        flights.pipe("JFK".to_owned(), flight("B6", Some(4)), 2).unwrap();
        assert_eq!(driver.dropped_records(), 1);
        assert_eq!(results.read_records().unwrap().len(), 3);
    }

    #[test]
    fn the_shipped_week_gives_what_a_plain_loop_gives() {
        let app = app(&Options::default()).unwrap();
        let mut expected = BTreeMap::<String, Delays>::new();
        for record in app.input.iter().filter(|record| record.topic == FLIGHTS) {
            let airport = std::str::from_utf8(&record.key).unwrap();
            let flight: Flight = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            let key = airport_and_hour(airport, record.timestamp);
            expected.entry(key).or_default().add(flight.delay_min);
        }
        let results = departures(&examples::run_on_test_driver(&app).unwrap()).unwrap();
        let delays: BTreeMap<_, _> = results.iter().map(|(key, hour)| (key.clone(), hour.all)).collect();
        assert_eq!(delays, expected);
        assert!(results.iter().all(|(_, hour)| hour.weather.is_some()));
        assert!(by_airport(&results).contains("JFK") && by_weather(&results).contains("wet, strong wind"));
        assert!(worst(&results).contains("min)"));
    }

    #[test]
    fn rows_that_do_not_parse_are_left_out() {
        let folder = std::env::temp_dir().join(format!("examples-flights-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("weather.csv");
        let rows = "origin,time_hour,temp,wind_speed,precip,visib\n\
                    JFK,2013-02-08T17:00:00Z,35.06,NA,0,10\n\
                    JFK,yesterday,35.06,10,0,10\n\
                    JFK,2013-02-08T18:00:00Z,warm,10,0,10\n\
                    JFK\n";
        std::fs::write(&path, rows).unwrap();
        let records = read(&path, WeatherRow::record).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(records.len(), 1);
        let weather: Weather = serde_json::from_slice(records[0].value.as_ref().unwrap()).unwrap();
        assert_eq!((weather.temp, weather.wind_speed), (Some(35.06), None));
        assert!(read(&path, WeatherRow::record).unwrap_err().to_string().contains("data/README.md"));
    }
}
