//! An event: a time, a step and the scalars of that step, as a protocol buffer of TensorFlow's `event.proto` and
//! `summary.proto`.

/// What the first event of a file says.
const VERSION: &str = "brain.Event:2";

/// A point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Name of the curve; what is before a `/` groups curves.
    pub tag: String,
    /// Value.
    pub value: f32,
}

/// The points of a step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time: f64,
    /// Batches trained on.
    pub step: u64,
    /// None in the first event of a file, which says the format's version.
    pub points: Vec<Point>,
}

/// A field as it lies in a message.
enum Value<'a> {
    Number(u64),
    Eight([u8; 8]),
    Four([u8; 4]),
    Bytes(&'a [u8]),
}

impl Event {
    /// The message.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut message = fixed(1, &self.wall_time.to_le_bytes());
        if self.points.is_empty() {
            return [message, bytes(3, VERSION.as_bytes())].concat();
        }
        if self.step > 0 {
            message.extend(number(2, self.step)); // 0 is what a missing one means
        }
        let point = |point: &Point| {
            bytes(1, &[bytes(1, point.tag.as_bytes()), fixed(2, &point.value.to_le_bytes())].concat())
        };
        let summary: Vec<u8> = self.points.iter().flat_map(point).collect();
        [message, bytes(5, &summary)].concat()
    }

    /// The event of a message, without the fields that no event here has; `None` when it is no message.
    pub(super) fn decoded(message: &[u8]) -> Option<Self> {
        let mut event = Self::default();
        for (number, value) in fields(message)? {
            match (number, value) {
                (1, Value::Eight(bytes)) => event.wall_time = f64::from_le_bytes(bytes),
                (2, Value::Number(step)) => event.step = step,
                (5, Value::Bytes(summary)) => {
                    for (number, value) in fields(summary)? {
                        if let (1, Value::Bytes(point)) = (number, value) {
                            event.points.extend(scalar(point)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Some(event)
    }
}

/// The point of a `Summary.Value`, if it is a scalar.
fn scalar(message: &[u8]) -> Option<Option<Point>> {
    let (mut tag, mut found) = (String::new(), None);
    for (number, value) in fields(message)? {
        match (number, value) {
            (1, Value::Bytes(name)) => tag = std::str::from_utf8(name).ok()?.to_owned(),
            (2, Value::Four(bytes)) => found = Some(f32::from_le_bytes(bytes)),
            _ => {}
        }
    }
    Some(found.map(|value| Point { tag, value }))
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// Four or eight bytes.
fn fixed(field: u64, value: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | if value.len() == 8 { 1 } else { 5 }), value].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2), &varint(value.len() as u64), value].concat()
}

/// The fields of a message with their numbers; `None` when it is cut short or has a kind of field that is no longer used.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(take_varint(&mut message)?),
            1 => Value::Eight(*take_chunk(&mut message)?),
            5 => Value::Four(*take_chunk(&mut message)?),
            2 => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                let (bytes, rest) = message.split_at_checked(length)?;
                message = rest;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        fields.push((key >> 3, value));
    }
    Some(fields)
}

fn take_chunk<'a, const N: usize>(message: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, rest) = message.split_first_chunk::<N>()?;
    *message = rest;
    Some(chunk)
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take_chunk::<1>(message)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorboard::record;

    fn point(tag: &str, value: f32) -> Point {
        Point { tag: tag.into(), value }
    }

    fn two() -> [Event; 2] {
        let points = vec![point("epoch/loss", 4.75), point("epoch/alpha", 0.9)];
        [
            Event { wall_time: 1_700_000_000.25, ..Event::default() },
            Event { wall_time: 1_700_000_001.5, step: 300, points },
        ]
    }

    /// What tensorboard 2.21's `RecordWriter` writes for the messages of protobuf 7.36.
    const PYTHON: &str = "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9350000000000\
                          0000d6c55de60900006040fc54d94110ac022a270a110a0a65706f63682f6c6f737315000098400a120a0b65706f\
                          63682f616c706861156666663fd64235f7";

    #[test]
    fn bytes_are_those_of_tensorboard_itself() {
        let ours: Vec<u8> = two().iter().flat_map(|event| record::framed(&event.encoded())).collect();
        let hex: String = ours.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, PYTHON);
    }

    #[test]
    fn events_come_back() {
        let last = Event { step: u64::MAX, points: vec![point("", f32::INFINITY)], wall_time: -1.0 };
        let zero = Event { step: 0, points: vec![point("ω", f32::MIN_POSITIVE)], wall_time: 0.0 };
        for event in two().into_iter().chain([last, zero]) {
            assert_eq!(Event::decoded(&event.encoded()), Some(event));
        }
        assert_eq!(Event::decoded(b""), Some(Event::default()));
    }

    #[test]
    fn other_fields_are_passed_over() {
        let [_, event] = two();
        let image = bytes(1, &[bytes(1, b"image"), bytes(4, &number(1, 28))].concat());
        let others = [fixed(9, &[1; 4]), number(8, u64::MAX), bytes(7, b"log"), bytes(5, &image)].concat();
        assert_eq!(Event::decoded(&[event.encoded(), others].concat()), Some(event));
    }

    #[test]
    fn what_is_no_message_is_none_and_nothing_panics() {
        let message = two()[1].encoded();
        let whole: Vec<usize> =
            (0..message.len()).filter(|&length| Event::decoded(&message[..length]).is_some()).collect();
        assert_eq!(whole, [0, 9, 12], "only between two fields");
        for garbage in
            [&[0xff; 11][..], &[0x0b], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
        {
            assert_eq!(Event::decoded(garbage), None);
        }
        for position in 0..message.len() {
            for byte in 0..=255 {
                let mut damaged = message.clone();
                damaged[position] = byte;
                let _ = Event::decoded(&damaged);
            }
        }
    }
}
