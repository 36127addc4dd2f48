//! What a loss is evaluated on: two views of a batch, or anchors with their positives and negatives.

use crate::error::{Error, Result};
use crate::evaluation::Evaluation;
use std::ops::Range;
use tch::{Kind, Tensor};

/// Embeddings with their roles, checked: shapes, types and devices fit.
///
/// Embeddings are taken as they are. The losses are defined for rows of length 1 ([`normalize`]); DCL and HCL
/// assume scores in [-1, 1].
#[derive(Debug)]
pub struct Batch {
    pub(crate) form: Form,
    pub(crate) labels: Option<Labels>,
    pub(crate) evaluation: Evaluation,
}

#[derive(Debug)]
pub(crate) enum Form {
    /// z: 2B x D, the first view above the second.
    TwoViews { z: Tensor, pairs: i64 },
    /// anchors, positives: A x D; negatives: N x D or A x N x D.
    General { anchors: Tensor, positives: Tensor, negatives: Tensor },
}

#[derive(Debug)]
pub(crate) struct Labels {
    /// A
    pub(crate) anchors: Tensor,
    /// A (two views), N or A x N
    pub(crate) negatives: Tensor,
}

/// The scores of a batch, one row an anchor, in f32 or f64, attached to the graph of the embeddings.
#[derive(Debug)]
pub struct Rows {
    /// Score of each anchor with its positive: A.
    pub positive: Tensor,
    /// Scores of each anchor with its negatives: A x N. Of two views, the columns run over z1 then z2 with the
    /// anchor and its positive left out.
    pub negative: Tensor,
    /// Whether a negative shares the anchor's label: A x N, bool.
    pub same_class: Option<Tensor>,
}

/// Divides each row by its Euclidean length.
///
/// # Errors
/// When `z` is not a 2-D tensor of floating-point numbers.
pub fn normalize(z: &Tensor) -> Result<Tensor> {
    check_embeddings("normalize", z)?;
    let length = z.f_norm_scalaropt_dim(2.0, [1i64].as_slice(), true)?.f_clamp_min(1e-12)?;
    Ok(z.f_div(&length)?)
}

impl Batch {
    /// Two views of the same B samples: row i of `z1` and row i of `z2` are a pair, every other row of both is
    /// a negative. There are 2B anchors with N = 2B - 2 negatives each.
    ///
    /// # Shapes
    /// `z1`, `z2`: B x D with B >= 2; f64, f32, bf16 or f16, both alike.
    ///
    /// # Errors
    /// On other shapes or types, or tensors on different devices.
    pub fn two_views(z1: &Tensor, z2: &Tensor) -> Result<Self> {
        let operation = "two views";
        check_embeddings(operation, z1)?;
        check_like(operation, z1, z2)?;
        if z2.size() != z1.size() {
            let expected = format!("z2 of the shape of z1, {:?}", z1.size());
            return Err(Error::Shape { operation, expected, got: z2.size() });
        }
        let pairs = z1.size()[0];
        if pairs < 2 {
            let expected = "B x D with B >= 2 (one pair has no negatives)".into();
            return Err(Error::Shape { operation, expected, got: z1.size() });
        }
        let z = wide(&Tensor::f_cat(&[z1, z2], 0)?)?; // 2B x D
        Ok(Self { form: Form::TwoViews { z, pairs }, labels: None, evaluation: Evaluation::Auto })
    }

    /// Anchors, each with one positive, and negatives from anywhere: a queue, another tower, other devices.
    ///
    /// # Shapes
    /// `anchors`, `positives`: A x D with A >= 1; `negatives`: N x D, shared by all anchors, or A x N x D, with
    /// N >= 1; one type, one device. Gradients flow to whichever of the three asks for them.
    ///
    /// # Errors
    /// On other shapes or types, or tensors on different devices.
    pub fn general(anchors: &Tensor, positives: &Tensor, negatives: &Tensor) -> Result<Self> {
        let operation = "anchors, positives, negatives";
        check_embeddings(operation, anchors)?;
        check_like(operation, anchors, positives)?;
        check_like(operation, anchors, negatives)?;
        let (a, d) = (anchors.size()[0], anchors.size()[1]);
        if positives.size() != anchors.size() {
            let expected = format!("positives of the shape of the anchors, {:?}", anchors.size());
            return Err(Error::Shape { operation, expected, got: positives.size() });
        }
        let fits = match negatives.size()[..] {
            [n, width] => n >= 1 && width == d,
            [rows, n, width] => rows == a && n >= 1 && width == d,
            _ => false,
        };
        if !fits {
            let expected = format!("negatives N x {d} or {a} x N x {d} with N >= 1");
            return Err(Error::Shape { operation, expected, got: negatives.size() });
        }
        let form = Form::General {
            anchors: wide(anchors)?,
            positives: wide(positives)?,
            negatives: wide(negatives)?,
        };
        Ok(Self { form, labels: None, evaluation: Evaluation::Auto })
    }

    /// Adds the labels of a two-view batch, one a pair: B integers.
    ///
    /// # Errors
    /// When they are not B integers, or the batch is of the general form.
    pub fn with_labels(self, labels: &Tensor) -> Result<Self> {
        let operation = "labels";
        let Form::TwoViews { pairs, .. } = self.form else {
            let expected = "labels of anchors and of negatives (Batch::with_label_sets)".into();
            return Err(Error::Shape { operation, expected, got: labels.size() });
        };
        check_labels(operation, labels)?;
        if labels.size() != [pairs] {
            return Err(Error::Shape { operation, expected: format!("{pairs} labels"), got: labels.size() });
        }
        let both = Tensor::f_cat(&[labels, labels], 0)?.f_to_device(self.device())?; // 2B
        Ok(Self { labels: Some(Labels { anchors: both.shallow_clone(), negatives: both }), ..self })
    }

    /// Adds the labels of a general batch: A for the anchors; N, or A x N, for the negatives.
    ///
    /// # Errors
    /// When the shapes do not fit, or the batch is one of two views.
    pub fn with_label_sets(self, anchors: &Tensor, negatives: &Tensor) -> Result<Self> {
        let operation = "label sets";
        let Form::General { anchors: embeddings, negatives: others, .. } = &self.form else {
            let expected = "one label a pair (Batch::with_labels)".into();
            return Err(Error::Shape { operation, expected, got: anchors.size() });
        };
        check_labels(operation, anchors)?;
        check_labels(operation, negatives)?;
        if anchors.size() != embeddings.size()[..1] {
            let expected = format!("{} anchor labels", embeddings.size()[0]);
            return Err(Error::Shape { operation, expected, got: anchors.size() });
        }
        let shape = &others.size()[..others.dim() - 1];
        if negatives.size() != shape {
            return Err(Error::Shape {
                operation,
                expected: format!("negative labels {shape:?}"),
                got: negatives.size(),
            });
        }
        let device = self.device();
        let labels =
            Labels { anchors: anchors.f_to_device(device)?, negatives: negatives.f_to_device(device)? };
        Ok(Self { labels: Some(labels), ..self })
    }

    /// Chooses how a loss of this batch is evaluated; [`Evaluation::Auto`] unless set.
    #[must_use]
    pub fn evaluation(self, evaluation: Evaluation) -> Self {
        Self { evaluation, ..self }
    }

    /// The number of anchors A and of negatives of each N.
    #[must_use]
    pub fn sizes(&self) -> (i64, i64) {
        match &self.form {
            Form::TwoViews { pairs, .. } => (2 * pairs, 2 * pairs - 2),
            Form::General { anchors, negatives, .. } => {
                (anchors.size()[0], negatives.size()[negatives.dim() - 2])
            }
        }
    }

    /// The scores, attached to the graph.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn rows(&self) -> Result<Rows> {
        self.rows_of(0..self.sizes().0)
    }

    /// The scores of some of the anchors.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub(crate) fn rows_of(&self, range: Range<i64>) -> Result<Rows> {
        let (first, rows) = (range.start, range.end - range.start);
        let labels = match &self.labels {
            None => None,
            Some(labels) => {
                let negatives = if labels.negatives.dim() == 2 {
                    labels.negatives.f_narrow(0, first, rows)? // R x N
                } else {
                    labels.negatives.shallow_clone()
                };
                Some((labels.anchors.f_narrow(0, first, rows)?.f_unsqueeze(1)?, negatives))
            }
        };
        match &self.form {
            Form::TwoViews { z, pairs } => {
                let all = z.f_narrow(0, first, rows)?.f_matmul(&z.f_transpose(0, 1)?)?; // R x 2B
                let anchors =
                    Tensor::f_arange_start(first, first + rows, (Kind::Int64, z.device()))?.f_unsqueeze(1)?;
                let partners = anchors.f_add_scalar(*pairs)?.f_remainder(2 * pairs)?; // R x 1
                let columns = negative_columns(&anchors, *pairs)?; // R x N
                let same_class = labels.map(|(own, others)| -> Result<Tensor> {
                    let others = others.f_index_select(0, &columns.f_view([-1])?)?;
                    Ok(others.f_view_as(&columns)?.f_eq_tensor(&own)?)
                });
                Ok(Rows {
                    positive: all.f_gather(1, &partners, false)?.f_squeeze_dim(1)?, // R
                    negative: all.f_gather(1, &columns, false)?,                    // R x N
                    same_class: same_class.transpose()?,
                })
            }
            Form::General { anchors, positives, negatives } => {
                let anchors = anchors.f_narrow(0, first, rows)?; // R x D
                let negative = if negatives.dim() == 2 {
                    anchors.f_matmul(&negatives.f_transpose(0, 1)?)? // R x N
                } else {
                    let negatives = negatives.f_narrow(0, first, rows)?;
                    negatives.f_matmul(&anchors.f_unsqueeze(2)?)?.f_squeeze_dim(2)? // R x N
                };
                let positives = positives.f_narrow(0, first, rows)?;
                let positive =
                    anchors.f_mul(&positives)?.f_sum_dim_intlist([1i64].as_slice(), false, None::<Kind>)?; // R
                let same_class = labels.map(|(own, others)| -> Result<Tensor> {
                    Ok(others.f_eq_tensor(&own)?.f_expand_as(&negative)?)
                });
                Ok(Rows { positive, same_class: same_class.transpose()?, negative })
            }
        }
    }

    /// The embeddings that gradients flow to: of two views the 2B rows, else anchors, positives, negatives.
    pub(crate) fn embeddings(&self) -> Vec<&Tensor> {
        match &self.form {
            Form::TwoViews { z, .. } => vec![z],
            Form::General { anchors, positives, negatives } => vec![anchors, positives, negatives],
        }
    }

    /// The same batch with leaves of its own instead of the embeddings: apart from the graph, those that asked for a
    /// gradient asking for one.
    pub(crate) fn as_leaves(&self) -> Result<Self> {
        let leaf =
            |z: &Tensor| -> Result<Tensor> { Ok(z.f_detach()?.f_set_requires_grad(z.requires_grad())?) };
        let form = match &self.form {
            Form::TwoViews { z, pairs } => Form::TwoViews { z: leaf(z)?, pairs: *pairs },
            Form::General { anchors, positives, negatives } => Form::General {
                anchors: leaf(anchors)?,
                positives: leaf(positives)?,
                negatives: leaf(negatives)?,
            },
        };
        let labels = self.labels.as_ref().map(|labels| Labels {
            anchors: labels.anchors.shallow_clone(),
            negatives: labels.negatives.shallow_clone(),
        });
        Ok(Self { form, labels, evaluation: self.evaluation })
    }

    pub(crate) fn device(&self) -> tch::Device {
        match &self.form {
            Form::TwoViews { z, .. } => z.device(),
            Form::General { anchors, .. } => anchors.device(),
        }
    }
}

/// For each of the anchors (R x 1) the columns of its negatives, ascending: R x (2B - 2).
fn negative_columns(anchor: &Tensor, pairs: i64) -> Result<Tensor> {
    let options = (Kind::Int64, anchor.device());
    let first = anchor.f_remainder(pairs)?; // the smaller of {self, partner}; the larger is first + B
    let position = Tensor::f_arange(2 * pairs - 2, options)?.f_unsqueeze(0)?; // 1 x N
    // Position p is column p before `first`, p + 1 between the two, p + 2 after both.
    let past_first = position.f_ge_tensor(&first)?.f_to_kind(Kind::Int64)?;
    let past_second = position.f_ge_tensor(&first.f_add_scalar(pairs - 1)?)?.f_to_kind(Kind::Int64)?;
    Ok(position.f_add(&past_first)?.f_add(&past_second)?)
}

pub(crate) fn check_embeddings(operation: &'static str, z: &Tensor) -> Result<()> {
    if z.dim() != 2 || z.size()[0] < 1 || z.size()[1] < 1 {
        return Err(Error::Shape { operation, expected: "a 2-D tensor, rows x D".into(), got: z.size() });
    }
    if !matches!(z.kind(), Kind::Float | Kind::Double | Kind::BFloat16 | Kind::Half) {
        return Err(Error::Dtype { operation, expected: "f64, f32, bf16 or f16".into(), got: z.kind() });
    }
    Ok(())
}

pub(crate) fn check_like(operation: &'static str, first: &Tensor, other: &Tensor) -> Result<()> {
    if other.kind() != first.kind() {
        let expected = format!("all tensors {:?}", first.kind());
        return Err(Error::Dtype { operation, expected, got: other.kind() });
    }
    if other.device() != first.device() {
        return Err(Error::Device { operation, expected: first.device(), got: other.device() });
    }
    Ok(())
}

fn check_labels(operation: &'static str, labels: &Tensor) -> Result<()> {
    if matches!(labels.kind(), Kind::Int64 | Kind::Int | Kind::Int16 | Kind::Int8 | Kind::Uint8) {
        return Ok(());
    }
    Err(Error::Dtype { operation, expected: "integer labels".into(), got: labels.kind() })
}

/// f32 or better: half precisions are widened, the gradient comes back in the type of the input.
fn wide(z: &Tensor) -> Result<Tensor> {
    Ok(match z.kind() {
        Kind::Double | Kind::Float => z.shallow_clone(),
        _ => z.f_to_kind(Kind::Float)?,
    })
}
