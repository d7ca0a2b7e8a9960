/// The known name nearest to a misspelt one (edit distance), for error messages.
public func closestName(to name: String, among known: [String]) -> String? {
  let scored = known.map { ($0, editDistance(name, $0)) }
  guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(2, name.utf8.count / 2) else {
    return nil
  }
  return best.0
}

public func unknownName(_ what: String, _ name: String, among known: [String]) -> KantorError {
  // A name may be anything the caller had in memory: show the beginning only.
  let shown = String(name.prefix(60))
  if let near = closestName(to: shown, among: known) {
    return KantorError(.name, "\(what) '\(shown)' is not known; the closest is '\(near)'")
  }
  return KantorError(
    .name, "\(what) '\(shown)' is not known; known are \(known.joined(separator: ", "))")
}

private func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  var row = Array(0...b.count)
  for i in 0..<a.count {
    var diagonal = row[0]
    row[0] = i + 1
    for j in 0..<b.count {
      let substitution = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substitution, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
