//! `bcl-exp data preview`: images and what augmentation makes of them.

use crate::config;
use crate::preview::{Column, sheet};
use crate::store::write_atomic;
use anyhow::{Context, Result, ensure};
use bcl_data::augment::{Layout, Step, apply};
use bcl_data::seed::{Stream, epoch_order};
use bcl_data::{ImageSet, Policy};
use std::path::PathBuf;

pub(super) const HELP: &str = "\
Examples:
  bcl-exp data preview                                   the embedded images, no data needed
  bcl-exp data preview cifar10 --images 20 --out cifar10.png
  bcl-exp data preview --experiment experiments/recipes/byol.toml

Shown are the first images of an epoch with the very views that training with this seed makes of them then.";

/// Side above which an image is shown by its middle square, made smaller.
const LARGEST: usize = 128;

/// Options of `bcl-exp data preview`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A data set of `bcl-exp data list` [default: that of the experiment, or fashion-mini]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Folder that holds the data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Take images and [augment] from an experiment file instead of the published augmentation
    #[arg(long, value_name = "FILE")]
    pub experiment: Option<PathBuf>,
    /// Side of the views, pixels, where no experiment says it
    #[arg(long, value_name = "S", default_value_t = 32, conflicts_with = "experiment")]
    pub view_size: u32,
    /// How many images
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub images: usize,
    /// Seed of a run
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,
    /// Epoch of a run, from 1
    #[arg(long, value_name = "EPOCH", default_value_t = 1)]
    pub epoch: u64,
    /// The PNG file
    #[arg(long, value_name = "FILE", default_value = "preview.png")]
    pub out: PathBuf,
}

/// Writes the sheet.
pub(super) fn run(args: &Args) -> Result<()> {
    ensure!((1..=1000).contains(&args.images), "--images: expected 1 to 1000, got {}", args.images);
    ensure!(
        (8..=512).contains(&args.view_size),
        "--view-size: expected 8 to 512 pixels, got {}",
        args.view_size
    );
    ensure!(args.epoch >= 1, "--epoch: expected at least 1, got 0");
    let epoch = args.epoch - 1; // streams count from 0
    let (name, limit, views) = wanted(args)?;
    let set = crate::data::load(&name, &args.data)?;
    let images = match limit {
        Some(limit) => set.pretrain.subset(limit)?,
        None => set.pretrain,
    };
    let order = epoch_order(args.seed, epoch, images.len());
    let columns: Vec<Column> = order
        .iter()
        .take(args.images)
        .map(|&index| column(&images, index as usize, &set.class_names, &views, (args.seed, epoch)))
        .collect::<Result<_>>()?;
    let rows: Vec<String> =
        std::iter::once("image".to_owned()).chain((1..=views.len()).map(|v| format!("view {v}"))).collect();
    write_atomic(&args.out, &sheet(&rows, &columns).png()?)?;
    println!("{}: {} images of {name} and {} views of each", args.out.display(), columns.len(), views.len());
    Ok(())
}

/// Data set, number of its images that are trained on, a policy for each view.
fn wanted(args: &Args) -> Result<(String, Option<usize>, Vec<Policy>)> {
    let Some(file) = &args.experiment else {
        let name = args.name.clone().unwrap_or_else(|| "fashion-mini".to_owned());
        return Ok((name, None, vec![levels(Policy::published(args.view_size as usize)); 2]));
    };
    let experiment = config::resolve(&config::load(file)?, &args.data, tch::Device::Cpu)
        .with_context(|| file.display().to_string())?;
    let cell = experiment.cells.first().context("the experiment has no cell")?;
    let views = cell.augment.policies(cell.image_size).into_iter().map(levels).collect();
    // The experiment's share of the images is of its own data set.
    let (name, limit) = match &args.name {
        Some(name) => (name.clone(), None),
        None => (cell.dataset.clone(), cell.pretrain_images),
    };
    Ok((name, limit, views))
}

/// The policy with values of 0 to 255.
fn levels(policy: Policy) -> Policy {
    policy.with_normalization([0.0; 3], [1.0 / 255.0; 3])
}

fn column(
    images: &ImageSet,
    index: usize,
    class_names: &[String],
    views: &[Policy],
    (seed, epoch): (u64, u64),
) -> Result<Column> {
    let (image, size) = (images.image(index)?, images.size(index)?);
    let class = images.labels().and_then(|labels| class_names.get(usize::from(labels[index])));
    let caption = class.cloned().unwrap_or_else(|| format!("image {index}"));
    let mut pictures = vec![if size.0.max(size.1) <= LARGEST {
        (image.to_vec(), size)
    } else {
        let policy = levels(Policy::new(LARGEST, vec![Step::CenterCrop { share: 1.0 }]));
        applied(&policy, &mut Stream::new(0, 0, 0, 0), &image, size)
    }];
    for (view, policy) in views.iter().enumerate() {
        let mut stream = Stream::new(seed, epoch, index as u64, view as u64);
        pictures.push(applied(policy, &mut stream, &image, size));
    }
    Ok(Column { caption, pictures })
}

/// A view as bytes.
fn applied(
    policy: &Policy,
    stream: &mut Stream,
    image: &[u8],
    (height, width): (usize, usize),
) -> (Vec<u8>, (usize, usize)) {
    let drawn = policy.draw(stream, height, width);
    let mut out = vec![0.0f32; 3 * policy.size * policy.size];
    apply(policy, &drawn, image, (height, width), Layout::Planes, &mut out);
    (out.into_iter().map(|value| value.round() as u8).collect(), (policy.size, policy.size))
}
