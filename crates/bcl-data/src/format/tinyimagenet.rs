//! The text files of TinyImageNet-200: `wnids.txt`, a class a line, and `val_annotations.txt`, a validation image a line
//! with its class and a box.

use crate::error::Malformed;

/// The classes in the order of their labels: sorted, as torchvision's `ImageFolder` numbers the training folders.
///
/// # Errors
/// When a line is no WordNet id (`n` and eight digits), comes twice, or there is none.
pub fn parse_wnids(bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    let mut classes = Vec::new();
    for (number, line) in text(bytes)?.lines().enumerate() {
        let digits = line.strip_prefix('n').unwrap_or_default();
        if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Malformed::new("a class (n and eight digits) a line", quote(line, number)));
        }
        classes.push(line.to_owned());
    }
    classes.sort();
    if classes.is_empty() {
        return Err(Malformed::new("classes, one a line", "no line"));
    }
    match classes.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Malformed::new("each class once", format!("{} twice", pair[0]))),
        None => Ok(classes),
    }
}

/// File name and label of each validation image, in the order of the file; labels are places in `classes`, which is
/// sorted.
///
/// # Errors
/// When a line does not begin with a plain file name and a known class, a file comes twice, or there is none.
pub fn parse_annotations(bytes: &[u8], classes: &[String]) -> Result<Vec<(String, u16)>, Malformed> {
    let mut images = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (number, line) in text(bytes)?.lines().enumerate() {
        let mut fields = line.split('\t');
        let (name, class) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let label = classes.binary_search_by(|known| known.as_str().cmp(class)).ok();
        let plain = !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0']);
        match label.and_then(|label| u16::try_from(label).ok()) {
            Some(label) if plain => {
                if !seen.insert(name) {
                    return Err(Malformed::new("each image once", quote(name, number)));
                }
                images.push((name.to_owned(), label));
            }
            _ => {
                let expected = format!("a file name, a tab and one of {} classes", classes.len());
                return Err(Malformed::new(expected, quote(line, number)));
            }
        }
    }
    if images.is_empty() {
        return Err(Malformed::new("images, one a line", "no line"));
    }
    Ok(images)
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes)
        .map_err(|error| Malformed::new("lines of text", format!("other bytes at {}", error.valid_up_to())))
}

/// The beginning of a line, for a message.
fn quote(line: &str, number: usize) -> String {
    let start: String = line.chars().take(40).collect();
    format!("{start:?} in line {}", number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message<T: std::fmt::Debug>(result: Result<T, Malformed>) -> String {
        let bad = result.unwrap_err();
        format!("expected {}, got {}", bad.expected, bad.got)
    }

    #[test]
    fn labels_are_places_among_the_sorted_classes() {
        let classes = parse_wnids(b"n02124075\nn01443537\n").unwrap();
        assert_eq!(classes, ["n01443537", "n02124075"]);
        let lines = b"val_0.JPEG\tn02124075\t0\t32\t44\t62\nval_1.JPEG\tn01443537\t0\t0\t1\t1\n";
        let images = parse_annotations(lines, &classes).unwrap();
        assert_eq!(images, [("val_0.JPEG".into(), 1), ("val_1.JPEG".into(), 0)]);
    }

    #[test]
    fn damage_is_told() {
        assert!(message(parse_wnids(b"")).contains("no line"));
        assert!(message(parse_wnids(b"n01443537\nn0144353\n")).contains("\"n0144353\" in line 2"));
        assert!(message(parse_wnids(b"n01443537\nn01443537\n")).contains("twice"));
        assert!(message(parse_wnids(&[b'n', 0xff])).contains("other bytes at 1"));
        let classes = vec!["n01443537".to_owned()];
        let parse = |line: &str| message(parse_annotations(line.as_bytes(), &classes));
        assert!(parse("a.JPEG\tn99999999").contains("one of 1 classes"));
        assert!(parse("a.JPEG").contains("in line 1"));
        assert!(parse("../a.JPEG\tn01443537").contains("a file name"), "no way out of the folder");
        assert!(parse("a\tn01443537\na\tn01443537").contains("each image once, got \"a\" in line 2"));
        assert!(parse("").contains("no line"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_wnids(&bytes);
            let _ = parse_annotations(&bytes, &["n00000000".to_owned()]);
        }
    }
}
