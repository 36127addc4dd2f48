//! The results on disk: torn tails, foreign files, rows that go in come out.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_exp::store::{CellRow, EpochRow, Status, Store, read_cells, read_epochs, write_atomic};
use common::rows::{cell, epoch};

#[test]
fn rows_come_back_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let awkward = CellRow {
        error: Some("a \"quoted\", comma\nand a line end".into()),
        status: Status::Failed,
        knn_top1: None,
        ..cell("b", "BCL", 1)
    };
    let rows = [cell("a", "SimCLR", 0), awkward, cell("c", "HCL", u64::MAX)];
    let mut store = Store::open(folder.path(), "x").unwrap();
    for row in &rows {
        store.append_cell(row).unwrap();
    }
    store.append_epoch(&epoch("a", 1, 5.5)).unwrap();
    assert_eq!(store.status("b"), Some(Status::Failed));
    drop(store);
    assert_eq!(read_cells(&folder.path().join("x/cells.csv")).unwrap(), rows);
    assert_eq!(read_epochs(&folder.path().join("x/epochs.csv")).unwrap(), [epoch("a", 1, 5.5)]);
    let store = Store::open(folder.path(), "x").unwrap();
    assert_eq!(store.status("a"), Some(Status::Ok));
    assert_eq!(store.status("d"), None);
}

#[test]
fn the_named_columns_are_the_fields() {
    let header = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().next().unwrap().to_owned();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(cell("a", "BCL", 0)).unwrap();
    assert_eq!(header(writer.into_inner().unwrap()), CellRow::COLUMNS.join(","));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(epoch("a", 1, 1.0)).unwrap();
    assert_eq!(header(writer.into_inner().unwrap()), EpochRow::COLUMNS.join(","));
}

#[test]
fn a_value_that_was_not_measured_is_an_empty_field() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), "x").unwrap();
    store.append_cell(&CellRow { linear_top5: None, alpha: None, ..cell("a", "SimCLR", 0) }).unwrap();
    let mut reader = csv::Reader::from_path(folder.path().join("x/cells.csv")).unwrap();
    let column = |name: &str| CellRow::COLUMNS.iter().position(|column| *column == name).unwrap();
    let record = reader.records().next().unwrap().unwrap();
    assert_eq!((&record[column("linear_top5")], &record[column("alpha")]), ("", ""));
}

#[test]
fn a_torn_last_line_is_cut_wherever_the_tear_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), "x").unwrap();
    store.append_cell(&cell("a", "SimCLR", 0)).unwrap();
    let path = folder.path().join("x/cells.csv");
    let first = std::fs::read(&path).unwrap();
    store.append_cell(&cell("b", "BCL", 0)).unwrap();
    drop(store);
    let both = std::fs::read(&path).unwrap();
    for end in first.len()..both.len() {
        std::fs::write(&path, &both[..end]).unwrap();
        assert_eq!(read_cells(&path).unwrap().len(), 1, "torn at {end}");
        let mut store = Store::open(folder.path(), "x").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        store.append_cell(&cell("b", "BCL", 0)).unwrap();
        drop(store);
        assert_eq!(std::fs::read(&path).unwrap(), both);
    }
    // Torn in the header: nothing was in it.
    std::fs::write(&path, &first[..20]).unwrap();
    Store::open(folder.path(), "x").unwrap();
    assert_eq!(read_cells(&path).unwrap(), []);
}

#[test]
fn an_epoch_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), "x").unwrap();
    for number in [1, 2, 1, 2, 3] {
        store.append_epoch(&epoch("a", number, 1.0)).unwrap();
    }
    store.append_epoch(&epoch("b", 1, 1.0)).unwrap();
    drop(store);
    let mut store = Store::open(folder.path(), "x").unwrap();
    store.append_epoch(&epoch("a", 3, 9.0)).unwrap();
    let rows = read_epochs(&folder.path().join("x/epochs.csv")).unwrap();
    let seen: Vec<(&str, u32)> = rows.iter().map(|row| (row.run_id.as_str(), row.epoch)).collect();
    assert_eq!(seen, [("a", 1), ("a", 2), ("a", 3), ("b", 1)]);
}

#[test]
fn foreign_and_damaged_files_are_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("x")).unwrap();
    let path = folder.path().join("x/cells.csv");
    let header = CellRow::COLUMNS.join(",");
    for (content, expected) in [
        ("name,value\n1,2\n".to_owned(), "expected the columns"),
        (format!("{header},more\n"), "expected the columns"),
        (format!("{header}\nonly,three,fields\n"), "damaged row after 0 good ones"),
        (format!("{header}\n{}\n", "x,".repeat(CellRow::COLUMNS.len() - 1)), "damaged row after 0 good ones"),
    ] {
        std::fs::write(&path, &content).unwrap();
        let error = format!("{:#}", Store::open(folder.path(), "x").unwrap_err());
        assert!(error.contains(expected) && error.contains("cells.csv"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    std::fs::write(&path, [0xFF; 64]).unwrap();
    assert!(format!("{:#}", read_cells(&path).unwrap_err()).contains("expected a header line"));
    assert!(format!("{:#}", read_cells(&folder.path().join("none.csv")).unwrap_err()).contains("none.csv"));
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open(folder.path(), "x").unwrap();
    let error = format!("{:#}", Store::open(folder.path(), "x").unwrap_err());
    assert!(error.contains("being written by another process"), "{error}");
    Store::open(folder.path(), "y").unwrap();
    drop(first);
    Store::open(folder.path(), "x").unwrap();
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/file.md");
    write_atomic(&path, b"one").unwrap();
    write_atomic(&path, b"two").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    let blocked = path.join("below-a-file");
    let error = format!("{:#}", write_atomic(&blocked, b"x").unwrap_err());
    assert!(error.contains("file.md"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_takes_the_place_of_no_link_and_no_device() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let [file, link, device] = ["file", "link", "device"].map(|name| folder.path().join(name));
    std::fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    symlink("/dev/null", &device).unwrap();
    for path in [&link, &device] {
        write_atomic(path, b"new").unwrap();
        assert!(path.is_symlink(), "{}", path.display());
    }
    assert_eq!((std::fs::read(&file).unwrap(), std::fs::read(&device).unwrap()), (b"new".to_vec(), vec![]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside them");
}

/// What `cells.csv` was before the measures without labels.
fn narrow(results: &std::path::Path) -> (std::path::PathBuf, String) {
    let mut store = Store::open(results, "x").unwrap();
    store.append_cell(&CellRow { error: Some("two\n\"lines\"".into()), ..cell("a", "SimCLR", 0) }).unwrap();
    store.append_cell(&cell("b", "BCL", 0)).unwrap();
    drop(store);
    let path = results.join("x/cells.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let later = ["alignment", "uniformity", "feature_std", "effective_rank"];
    let kept: Vec<bool> = reader.headers().unwrap().iter().map(|name| !later.contains(&name)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in std::iter::once(Ok(reader.headers().unwrap().clone())).chain(reader.records()) {
        let record: csv::StringRecord = record.unwrap();
        writer
            .write_record(record.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(field, _)| field))
            .unwrap();
    }
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    std::fs::write(&path, &text).unwrap();
    (path, text)
}

#[test]
fn a_file_of_an_older_version_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = narrow(folder.path());
    let rows = read_cells(&path).unwrap();
    assert_eq!((rows.len(), rows[0].alignment, rows[0].macro_auc), (2, None, Some(0.75)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), old, "reading writes nothing");

    let mut store = Store::open(folder.path(), "x").unwrap();
    assert_eq!(store.status("b"), Some(Status::Ok));
    store.append_cell(&cell("c", "DCL", 0)).unwrap();
    drop(store);
    let kept = folder.path().join(format!("x/cells-{}-columns.csv", CellRow::COLUMNS.len() - 4));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), old);
    let now = read_cells(&path).unwrap();
    assert_eq!((&now[..2], &now[2]), (&rows[..], &cell("c", "DCL", 0)));
    let wide = std::fs::read_to_string(&path).unwrap();
    assert!(wide.starts_with(&(CellRow::COLUMNS.join(",") + "\n")), "{wide}");
    drop(Store::open(folder.path(), "x").unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), wide, "once is enough");
    assert_eq!(std::fs::read_dir(folder.path().join("x")).unwrap().count(), 4); // two files, the lock, the old one
}

#[test]
fn what_an_older_file_was_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = narrow(folder.path());
    let columns = CellRow::COLUMNS.len() - 4;
    let taken = path.with_file_name(format!("cells-{columns}-columns.csv"));
    std::fs::write(&taken, "mine").unwrap();
    drop(Store::open(folder.path(), "x").unwrap());
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "mine");
    let kept = path.with_file_name(format!("cells-{columns}-columns-2.csv"));
    assert_eq!(std::fs::read_to_string(kept).unwrap(), old);

    // A subset of the columns that is no row, another order, a damaged row: refused as they are.
    let damaged = old.replace(",0.75,", ",high,");
    assert_ne!(damaged, old);
    for content in ["run_id,status\na,ok\n", "status,run_id\nok,a\n", "run_id,status,extra\n", &damaged] {
        std::fs::write(&path, content).unwrap();
        let error = format!("{:#}", Store::open(folder.path(), "x").unwrap_err());
        assert!(error.contains("written by another version"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}
