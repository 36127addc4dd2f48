//! Grid expansion: the product of lists, pure.

use crate::config::OneOrMany;

/// Multiplies cells by the values of one axis: each cell becomes one for each value, in order. An axis that
/// is not given leaves the cells as they are.
pub fn axis<Cell: Clone, Value: Clone>(
    cells: &[Cell],
    values: Option<&OneOrMany<Value>>,
    set: impl Fn(&mut Cell, Value),
) -> Vec<Cell> {
    let Some(values) = values.map(OneOrMany::values) else {
        return cells.to_vec();
    };
    cells
        .iter()
        .flat_map(|cell| {
            values.iter().map(|value| {
                let mut cell = cell.clone();
                set(&mut cell, value.clone());
                cell
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_axis_varies_fastest_and_an_absent_one_changes_nothing() {
        let cells = vec![(0, 0)];
        let cells = axis(&cells, Some(&OneOrMany::Many(vec![1, 2])), |cell, value| cell.0 = value);
        let cells = axis(&cells, None::<&OneOrMany<i32>>, |cell, value| cell.1 = value);
        let cells = axis(&cells, Some(&OneOrMany::Many(vec![3, 4])), |cell, value| cell.1 = value);
        assert_eq!(cells, [(1, 3), (1, 4), (2, 3), (2, 4)]);
    }

    #[test]
    fn an_empty_list_makes_no_cells() {
        assert!(axis(&[0], Some(&OneOrMany::Many(Vec::new())), |cell, value: i32| *cell = value).is_empty());
    }
}
