import KantorCore

/// The value that is there, else one that is made. (`??` loses the type of what is thrown.)
func orMake<T>(
  _ value: T?, _ make: () throws(KantorError) -> T
) throws(KantorError) -> T {
  if let value { return value }
  return try make()
}
