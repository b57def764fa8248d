//! Metrics of all five kinds, and their data points.

use super::{
    Attributes, Resource, Scope,
    field::{self, Message, Repeated, View},
};

/// A metric with its data points.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Metric<'a> {
    /// What produced it.
    pub resource: Resource<'a>,
    /// What recorded it.
    pub scope: Scope<'a>,
    /// Its name.
    pub name: &'a str,
    /// What it measures, in words.
    pub description: &'a str,
    /// Its unit (UCUM).
    pub unit: &'a str,
    /// Of what kind it is.
    pub data: Data,
    pub(super) body: Message<'a>,
}

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// None, or one that this version does not know.
    #[default]
    Unknown,
    /// The value now.
    Gauge,
    /// Something added up.
    Sum {
        /// Since when.
        temporality: Temporality,
        /// Whether it only ever grows.
        monotonic: bool,
    },
    /// How values are distributed over buckets with given bounds.
    Histogram {
        /// Since when.
        temporality: Temporality,
    },
    /// How values are distributed over buckets that grow exponentially.
    ExponentialHistogram {
        /// Since when.
        temporality: Temporality,
    },
    /// Quantiles that were calculated at the source.
    Summary,
}

impl Data {
    /// In snake case: `gauge`, `exponential_histogram`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Gauge => "gauge",
            Self::Sum { .. } => "sum",
            Self::Histogram { .. } => "histogram",
            Self::ExponentialHistogram { .. } => "exponential_histogram",
            Self::Summary => "summary",
        }
    }

    /// Since when it adds up, if it does.
    pub const fn temporality(self) -> Option<Temporality> {
        match self {
            Self::Sum { temporality, .. }
            | Self::Histogram { temporality }
            | Self::ExponentialHistogram { temporality } => Some(temporality),
            Self::Unknown | Self::Gauge | Self::Summary => None,
        }
    }
}

/// Since when a metric adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Nobody said.
    #[default]
    Unspecified,
    /// Since the last export.
    Delta,
    /// Since a fixed start.
    Cumulative,
}

impl Temporality {
    const fn of(number: u64) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }

    /// In lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Delta => "delta",
            Self::Cumulative => "cumulative",
        }
    }
}

impl<'a> Metric<'a> {
    /// Its data points.
    pub fn points(&self) -> impl Iterator<Item = Point<'a>> + use<'a> {
        let data = self.data;
        self.body.all(1).map(move |body| Point::read(data, body))
    }
}

impl<'a> View<'a> for Metric<'a> {
    fn read(message: Message<'a>) -> Self {
        let mut metric = Self::default();
        for field in message.fields() {
            let body = field::message(&field);
            let number = |number| {
                let fields = body.unwrap_or_default().fields();
                fields.filter(|field| field.number == number).last().map_or(0, |field| field::bits(&field))
            };
            let temporality = Temporality::of(number(2));
            let data = match field.number {
                5 => Data::Gauge,
                7 => Data::Sum { temporality, monotonic: number(3) != 0 },
                9 => Data::Histogram { temporality },
                10 => Data::ExponentialHistogram { temporality },
                11 => Data::Summary,
                1 => {
                    metric.name = field::text(&field);
                    continue;
                }
                2 => {
                    metric.description = field::text(&field);
                    continue;
                }
                3 => {
                    metric.unit = field::text(&field);
                    continue;
                }
                _ => continue,
            };
            (metric.data, metric.body) = (data, body.unwrap_or_default());
        }
        metric
    }
}

/// A data point.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Point<'a> {
    /// Its attributes.
    pub attributes: Attributes<'a>,
    /// Since when it counts, Unix time in nanoseconds; zero when unknown.
    pub start: u64,
    /// When it was taken, Unix time in nanoseconds.
    pub time: u64,
    /// Whether it says that there is no value (the flag `NO_RECORDED_VALUE`).
    pub absent: bool,
    /// What was measured.
    pub data: PointData<'a>,
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum PointData<'a> {
    /// Of a gauge or a sum; `None` when there is none.
    Number(Option<Number>),
    /// Of a histogram.
    Histogram(Histogram<'a>),
    /// Of an exponential histogram.
    ExponentialHistogram(ExponentialHistogram<'a>),
    /// Of a summary.
    Summary(SummaryPoint<'a>),
}

/// A number of either type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// Any number, possibly infinite or none at all.
    Double(f64),
}

/// How values are distributed over buckets with given bounds.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Histogram<'a> {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    body: Message<'a>,
}

impl<'a> Histogram<'a> {
    /// How many values are in each bucket: one more than there are bounds, or none at all.
    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.body.fixed(6)
    }

    /// The upper bounds of the buckets, which are part of them; the last bucket has none.
    pub fn bounds(&self) -> impl Iterator<Item = f64> + use<'a> {
        self.body.fixed(7).map(f64::from_bits)
    }
}

/// How values are distributed over buckets that grow exponentially.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ExponentialHistogram<'a> {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// Bounds are powers of 2^(2^-scale).
    pub scale: i32,
    /// How many values are zero, or as near to it as the threshold says.
    pub zero_count: u64,
    /// What counts as zero.
    pub zero_threshold: f64,
    /// Buckets of positive values.
    pub positive: Buckets<'a>,
    /// Buckets of negative values.
    pub negative: Buckets<'a>,
}

/// Buckets that grow exponentially.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Buckets<'a> {
    /// The first bucket's exponent.
    pub offset: i32,
    body: Message<'a>,
}

impl<'a> Buckets<'a> {
    fn read(body: Message<'a>) -> Self {
        let offset = body.fields().filter(|field| field.number == 1).last();
        Self { offset: offset.map_or(0, |field| field::sint32(&field)), body }
    }

    /// How many values are in each.
    pub fn counts(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.body.varints(2)
    }
}

/// Quantiles that were calculated at the source.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SummaryPoint<'a> {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The quantiles.
    pub quantiles: Repeated<'a, Quantile>,
}

/// A quantile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Quantile {
    /// Which, from 0 to 1.
    pub quantile: f64,
    /// Its value.
    pub value: f64,
}

impl<'a> View<'a> for Quantile {
    fn read(message: Message<'a>) -> Self {
        let mut quantile = Self::default();
        for field in message.fields() {
            match field.number {
                1 => quantile.quantile = field::double(&field),
                2 => quantile.value = field::double(&field),
                _ => {}
            }
        }
        quantile
    }
}

impl<'a> Point<'a> {
    fn read(data: Data, body: Message<'a>) -> Self {
        // The kinds number what they have in common in their own ways.
        let (attributes, flags, data) = match data {
            Data::Unknown | Data::Gauge | Data::Sum { .. } => (7, 8, PointData::Number(number(body))),
            Data::Histogram { .. } => (9, 10, PointData::Histogram(histogram(body))),
            Data::ExponentialHistogram { .. } => (1, 10, PointData::ExponentialHistogram(exponential(body))),
            Data::Summary => (7, 8, PointData::Summary(summary(body))),
        };
        let attributes = body.attributes(attributes);
        let mut point = Self { attributes, start: 0, time: 0, absent: false, data };
        for field in body.fields() {
            match field.number {
                2 => point.start = field::bits(&field),
                3 => point.time = field::bits(&field),
                number if number == flags => point.absent = field::bits(&field) & 1 != 0,
                _ => {}
            }
        }
        point
    }
}

fn number(body: Message<'_>) -> Option<Number> {
    let numbers = body.fields().filter_map(|field| match field.number {
        4 => Some(Number::Double(field::double(&field))),
        6 => Some(Number::Int(field::bits(&field).cast_signed())),
        _ => None,
    });
    numbers.last()
}

fn histogram(body: Message<'_>) -> Histogram<'_> {
    let mut histogram = Histogram { body, ..Histogram::default() };
    for field in body.fields() {
        match field.number {
            4 => histogram.count = field::bits(&field),
            5 => histogram.sum = Some(field::double(&field)),
            11 => histogram.min = Some(field::double(&field)),
            12 => histogram.max = Some(field::double(&field)),
            _ => {}
        }
    }
    histogram
}

fn exponential(body: Message<'_>) -> ExponentialHistogram<'_> {
    let mut histogram = ExponentialHistogram::default();
    for field in body.fields() {
        let nested = || Buckets::read(field::message(&field).unwrap_or_default());
        match field.number {
            4 => histogram.count = field::bits(&field),
            5 => histogram.sum = Some(field::double(&field)),
            6 => histogram.scale = field::sint32(&field),
            7 => histogram.zero_count = field::bits(&field),
            8 => histogram.positive = nested(),
            9 => histogram.negative = nested(),
            12 => histogram.min = Some(field::double(&field)),
            13 => histogram.max = Some(field::double(&field)),
            14 => histogram.zero_threshold = field::double(&field),
            _ => {}
        }
    }
    histogram
}

fn summary(body: Message<'_>) -> SummaryPoint<'_> {
    let mut summary = SummaryPoint { quantiles: body.repeated(6), ..SummaryPoint::default() };
    for field in body.fields() {
        match field.number {
            4 => summary.count = field::bits(&field),
            5 => summary.sum = field::double(&field),
            _ => {}
        }
    }
    summary
}
