//! `[augment]`: the recipes of the papers, what is refused, what names a run, and that other recipes train.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_data::Policy;
use bcl_data::augment::{ColorJitter, GaussianBlur, ResizedCrop, Step};
use bcl_exp::config::{CellConfig, load, parse, resolve};
use common::{TINY, refused, run, succeeded, without_timings};
use std::path::Path;
use tch::Device;

fn cell(text: &str) -> anyhow::Result<CellConfig> {
    Ok(resolve(&parse(text)?, "data".as_ref(), Device::Cpu)?.cells.remove(0))
}

fn message(text: &str) -> String {
    format!("{:#}", cell(text).expect_err(text))
}

/// The tiny sweep with an `[augment]` table.
fn with(augment: &str) -> String {
    TINY.replace("[encoder]", &format!("{augment}\n[encoder]"))
}

fn recipe(name: &str) -> Vec<Policy> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../experiments/recipes/{name}.toml"));
    let cell = resolve(&load(&path).unwrap(), "data".as_ref(), Device::Cpu).unwrap().cells.remove(0);
    cell.augment.policies(cell.image_size)
}

fn crop(low: f64, high: f64) -> Step {
    Step::ResizedCrop(ResizedCrop { scale: (low, high), ratio: (3.0 / 4.0, 4.0 / 3.0) })
}

fn jitter([brightness, contrast, saturation, hue]: [f64; 4]) -> Step {
    Step::ColorJitter(ColorJitter { p: 0.8, brightness, contrast, saturation, hue })
}

fn blur(p: f64, kernel: usize) -> Step {
    Step::GaussianBlur(GaussianBlur { p, kernel, sigma: (0.1, 2.0) })
}

const FLIP: Step = Step::Flip { p: 0.5 };
const GREY: Step = Step::Grayscale { p: 0.2 };

#[test]
fn the_recipes_are_those_of_the_papers() {
    // SimCLR, appendix A: strength 1 is 0.8, 0.8, 0.8, 0.2.
    let simclr =
        Policy::new(96, vec![crop(0.08, 1.0), FLIP, jitter([0.8, 0.8, 0.8, 0.2]), GREY, blur(0.5, 9)]);
    assert_eq!(recipe("simclr-imagenet"), vec![simclr; 2]);
    // MoCo's main_moco.py --aug-plus, the flip last.
    let moco = Policy::new(96, vec![crop(0.2, 1.0), jitter([0.4, 0.4, 0.4, 0.1]), GREY, blur(0.5, 23), FLIP]);
    assert_eq!(recipe("moco-v2"), vec![moco; 2]);
    // BYOL, table 6: blur 1.0 and 0.1, solarization 0.0 and 0.2.
    let shared = [crop(0.08, 1.0), FLIP, jitter([0.4, 0.4, 0.2, 0.1]), GREY];
    let first = [&shared[..], &[blur(1.0, 9)]].concat();
    let second = [&shared[..], &[blur(0.1, 9), Step::Solarize { p: 0.2, threshold: 128 }]].concat();
    assert_eq!(recipe("byol"), [Policy::new(96, first), Policy::new(96, second)]);
    // SwAV: scales 0.14 to 1 and 0.05 to 0.14.
    let tail = [FLIP, jitter([0.8, 0.8, 0.8, 0.2]), GREY, blur(0.5, 3)];
    let view = |size, crop| Policy::new(size, [&[crop], &tail[..]].concat());
    let mut wanted = vec![view(32, crop(0.14, 1.0)); 2];
    wanted.extend(vec![view(16, crop(0.05, 0.14)); 4]);
    assert_eq!(recipe("multi-crop"), wanted);
}

#[test]
fn the_published_augmentation_is_the_default_and_names_no_run() {
    let base = cell(TINY).unwrap();
    assert!(!serde_json::to_string(&base).unwrap().contains("augment"), "older runs keep their names");
    let published = r#"
        [[augment.view]]
        count = 2
        size = 16
        steps = [
            { op = "resized-crop", scale = [0.08, 1.0] },
            { op = "flip", p = 0.5 },
            { op = "color-jitter", p = 0.8, brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0.1 },
            { op = "grayscale", p = 0.2 },
            { op = "gaussian-blur", p = 0.5, kernel = 3 },
        ]"#;
    for same in ["[augment]", "[augment]\nrecipe = \"published\"", published] {
        assert_eq!(cell(&with(same)).unwrap(), base, "{same}");
    }
    let plain = cell(&with("[augment]\nrecipe = \"plain\"")).unwrap();
    assert_eq!(plain.augment.policies(16), vec![Policy::plain(16); 2]);
    let other = cell(&with(&published.replace("p = 0.2", "p = 0.3"))).unwrap();
    assert_ne!(plain.run_id(), base.run_id());
    assert_ne!(other.run_id(), base.run_id());
    let json = serde_json::to_string(&other).unwrap();
    assert_eq!(serde_json::from_str::<CellConfig>(&json).unwrap(), other, "checkpoints hold it");
}

/// The runs of the committed results are still those of the file that made them.
#[test]
fn committed_results_keep_their_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = std::fs::read_to_string(root.join("experiments/quick.toml")).unwrap();
    // They were made where `precision = "auto"` means bf16.
    let file = file.replace("[encoder]", "[encoder]\nprecision = \"bf16\"");
    let found: Vec<String> = resolve(&parse(&file).unwrap(), "data".as_ref(), Device::Cpu)
        .unwrap()
        .cells
        .iter()
        .map(CellConfig::run_id)
        .collect();
    let rows = bcl_exp::store::read_cells(&root.join("results/2026-11-25-cpu/quick/cells.csv")).unwrap();
    assert_eq!(found, rows.iter().map(|row| row.run_id.clone()).collect::<Vec<_>>());
}

#[test]
fn what_is_unknown_or_out_of_range_is_refused_by_name() {
    let view = |steps: &str| with(&format!("[[augment.view]]\ncount = 2\nsteps = [{steps}]"));
    let resize = "{ op = \"resize\" }, ";
    for (text, expected) in [
        (with("[augment]\nrecipe = \"moco\""), "expected published or plain"),
        (with("[augment]\nrecipes = \"plain\""), "unknown field `recipes`, expected `recipe` or `view`"),
        (view(r#"{ op = "rotate", p = 0.1 }"#), "unknown variant `rotate`, expected one of `resized-crop`"),
        (view(r#"{ p = 0.1 }"#), "missing field `op`"),
        (
            view(&format!("{resize}{}", r#"{ op = "flip", p = 0.1, q = 1 }"#)),
            "unknown field `q`, expected `p`",
        ),
        (view(r#"{ op = "resize", size = 4 }"#), "unknown field `size`"),
        (view(&format!("{resize}{}", r#"{ op = "flip" }"#)), "missing field `p`"),
        (view(&format!("{resize}{}", r#"{ op = "flip", p = 2 }"#)), "flip p: expected a probability, got 2"),
        (view(&format!("{resize}{}", r#"{ op = "flip", p = nan }"#)), "flip p"),
        (view(&format!("{resize}{}", r#"{ op = "solarize", p = 0.1, threshold = 256 }"#)), "256"),
        (view(&format!("{resize}{}", r#"{ op = "gaussian-blur", p = 0.1, kernel = 4 }"#)), "an odd number"),
        (view(r#"{ op = "flip", p = 0.5 }"#), "resized-crop, resize or center-crop as the first"),
        (view(""), "got no step"),
        (view(&format!("{resize}{resize}")), "as step 2"),
        (
            with("[[augment.view]]\ncount = 1\nsteps = [{ op = \"resize\" }]"),
            "2 to 64 views of an image in all, got 1",
        ),
        (
            with("[[augment.view]]\ncount = 0\nsteps = [{ op = \"resize\" }]"),
            "count: expected at least 1, got 0",
        ),
        (
            with("[[augment.view]]\nsize = 4\nsteps = [{ op = \"resize\" }]"),
            "size: expected 8 to 512 pixels, got 4",
        ),
        (with("[[augment.view]]\nsizes = 4\nsteps = []"), "unknown field `sizes`"),
        (
            with("[augment]\nrecipe = \"plain\"\n[[augment.view]]\nsteps = [{ op = \"resize\" }]"),
            "expected a recipe or [[augment.view]] tables, got both",
        ),
        (
            with("[[augment.view]]\ncount = 3\nsteps = [{ op = \"resize\" }]")
                .replace("batch_pairs = 64", "batch_pairs = 64\nmicro_pairs = 32"),
            "micro_pairs: expected two views of an image, got 3",
        ),
    ] {
        let message = message(&text);
        assert!(message.contains(expected), "{text}\n{message}");
    }
}

#[test]
fn views_of_several_sizes_train_and_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    let steps = r#"steps = [{ op = "resized-crop", scale = [0.1, 1.0] }, { op = "solarize", p = 0.2 }, { op = "flip", p = 0.5 }]"#;
    let augment =
        format!("[[augment.view]]\ncount = 2\n{steps}\n[[augment.view]]\ncount = 2\nsize = 12\n{steps}\n");
    std::fs::write(folder.path().join("tiny.toml"), with(&augment)).unwrap();
    succeeded(&run(folder.path(), &["--grid", "tiny.toml", "--threads", "1"]));
    let rows = bcl_exp::store::read_cells(&folder.path().join("results/tiny/cells.csv")).unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert!(row.error.is_none(), "{row:?}");
        assert!(row.final_loss.is_some_and(f64::is_finite) && row.knn_top1.is_some_and(|top1| top1 > 10.0));
    }
    std::fs::write(folder.path().join("bad.toml"), with("[augment]\nrecipe = \"moco\"")).unwrap();
    let message = refused(folder.path(), &["--grid", "bad.toml"]);
    assert!(message.contains("augment.recipe") && message.contains("moco"), "{message}");
}

/// The views are the same wherever they are made, and so is what comes of them.
#[test]
fn views_made_on_the_device_train_the_same_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let text = TINY.replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"SimCLR\"");
    std::fs::write(folder.path().join("tiny.toml"), text).unwrap();
    let rows = ["cpu", "device"].map(|place| {
        let results = format!("on-{place}");
        let args = ["--grid", "tiny.toml", "--threads", "1", "--augment", place, "--results", &results];
        succeeded(&run(folder.path(), &[&args[..], &["--runs", &results]].concat()));
        without_timings(&folder.path().join(results).join("tiny/epochs.csv"))
    });
    assert_eq!(rows[0].len(), 2);
    assert_eq!(rows[0], rows[1]);
    let message = refused(folder.path(), &["--grid", "tiny.toml", "--augment", "gpu"]);
    assert!(message.contains("cpu, device"), "{message}");
}
