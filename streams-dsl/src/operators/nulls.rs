//! `nullable`: says what is null where no serde does.

use std::sync::{Arc, OnceLock};

use streams_core::processor::Data;

use crate::handles::{KStream, KTable};
pub(crate) use crate::nulls::{NullTest, Nulls};

impl<K: Data, V: Data> KStream<K, Option<V>> {
    /// Says that `None` is a null value to the next join, where no serde says so.
    ///
    /// A stream has its serde from where it is read, until an operator makes values of another type. From there on a join
    /// without options of its own ([`join_global`](Self::join_global)) or with [`Joined::inherit`](crate::options::Joined)
    /// cannot know what is null, and hands a `None` to its joiner; with this it drops the record, as Kafka Streams does.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let names = builder.global_table::<String, String>("currencies");
    /// let codes = builder.stream::<String, String>("prices").map_values(|price| price.get(..3).map(str::to_owned));
    /// let key = |_: &String, code: &Option<String>| code.clone();
    /// codes.nullable().left_join_global(&names, key, |_, name| name.unwrap_or("unknown".into())).to("names");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let prices = driver.create_input_topic::<String, String>("prices");
    /// prices.pipe("book".into(), "EUR 12".into(), 0)?;
    /// prices.pipe("tea".into(), "7".into(), 1)?;
    /// assert_eq!(driver.create_output_topic::<String, String>("names").read_values()?, ["unknown"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "it is said to the next operator on the returned stream"]
    pub fn nullable(&self) -> Self {
        let mut stream = self.clone();
        stream.null_test = Arc::new(OnceLock::from(Option::is_none as fn(&Option<V>) -> bool));
        stream
    }
}

impl<K: Data, V: Data> KTable<K, Option<V>> {
    /// Makes a `None` among the results of the operator that made this table a deleted row, where no serde says so: where
    /// [`map_values`](Self::map_values) or a join of tables is not stored. Else a `None` is a row like others there, and is a
    /// null only where it is written to a topic or a store.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, String>("prices");
    /// let numbers = prices.map_values(|price| price.parse::<i64>().ok()).nullable();
    /// let names = builder.table::<String, String>("names");
    /// names.join(&numbers, |name, price| format!("{name}: {price:?}")).to_stream().to("labels");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("names").pipe("1".into(), "tea".into(), 0)?;
    /// let prices = driver.create_input_topic::<String, String>("prices");
    /// prices.pipe("1".into(), "5".into(), 1)?;
    /// prices.pipe("1".into(), "-".into(), 2)?;
    /// let labels = driver.create_output_topic::<String, Option<String>>("labels").read_values()?;
    /// assert_eq!(labels, [Some("tea: Some(5)".into()), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nullable(&self) -> Self {
        // Said twice, it is the same.
        self.null_test.get_or_init(|| Option::is_none as fn(&Option<V>) -> bool);
        self.clone()
    }
}
