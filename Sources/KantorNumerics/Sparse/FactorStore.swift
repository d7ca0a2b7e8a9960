import CKantorKernels
import KantorCore

/// Memory of one factor.
final class FactorStore {
  let values: Buffer<Double>
  let inverse: Buffer<Double>
  let diagonal: Buffer<Double>
  /// Of the row-by-row form: where columns grow, and a vector that is zero between calls.
  let next: Buffer<Int64>
  let work: Buffer<Double>
  /// Of panels, for each thread: places of rows, packed blocks, counts.
  let maps: [Buffer<Int32>]
  let scratch: [Buffer<Double>]
  let counts: Buffer<kn_pivot_count>

  init(order n: Int, entries: Int) throws(KantorError) {
    values = try Buffer(count: entries)
    inverse = try Buffer(count: n)
    diagonal = try Buffer(count: 0)
    next = try Buffer(count: n)
    work = try Buffer(count: n)
    maps = []
    scratch = []
    counts = try Buffer(count: 1)
  }

  init(panels: PanelPattern, order n: Int, threads: Int) throws(KantorError) {
    values = try Buffer(count: panels.size + Int(KN_FACTOR_SLACK))
    inverse = try Buffer(count: n)
    diagonal = try Buffer(count: n)
    next = try Buffer(count: 0)
    work = try Buffer(count: 0)
    var maps: [Buffer<Int32>] = []
    var scratch: [Buffer<Double>] = []
    for _ in 0..<threads {
      maps.append(try Buffer(count: n))
      scratch.append(try Buffer(count: Int(kn_panel_scratch(Int64(panels.mostRows)))))
    }
    (self.maps, self.scratch) = (maps, scratch)
    counts = try Buffer(count: threads)
  }

  var simplicial: kn_simplicial_factor {
    kn_simplicial_factor(
      l: values.pointer, inverse: inverse.pointer, next: next.pointer, y: work.pointer)
  }

  var panels: kn_panel_factor {
    kn_panel_factor(
      values: values.pointer, diagonal: diagonal.pointer, inverse: inverse.pointer)
  }
}

extension Buffer where Element == Int {
  /// Int is 64 bits wide wherever this is built.
  var words: UnsafePointer<Int64> {
    UnsafeRawPointer(pointer).assumingMemoryBound(to: Int64.self)
  }
}

extension SimplicialPattern {
  /// Valid as long as the pattern and the analysis are.
  func inKernelForm(_ analysis: LDLAnalysis) -> kn_simplicial {
    kn_simplicial(
      a_start: analysis.upper.starts.words, a_row: analysis.upper.indices.pointer,
      a_from: analysis.source.pointer, row_start: rowStarts.words,
      row_column: rowColumns.pointer, l_start: columnStarts.words, l_row: columnRows.pointer)
  }
}

extension PanelPattern {
  func inKernelForm() -> kn_panels {
    kn_panels(
      first: first.pointer, row_start: rowStarts.words, rows: rows.pointer,
      offset: offsets.words, leading: leading.pointer, update_start: updateStarts.words,
      update_source: updateSource.pointer, update_row: updateRow.pointer,
      update_count: updateCount.pointer, entry_start: entryStarts.words,
      entry_from: entryFrom.pointer, entry_to: entryTo.words)
  }
}
