// The error of a case, as opposed to a failure of a runtime.

/// A case that cannot be run, with the key of the error.
package struct CaseError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// The same error with the enclosing place in front.
    func within(_ place: String) -> CaseError { CaseError("\(place): \(description)") }
}

extension JSONValue {
    /// The document in a case's text.
    /// - Throws: `CaseError` with the line.
    init(caseText text: String) throws(CaseError) {
        do throws(JSONSyntaxError) {
            self = try JSONValue(parsing: text)
        } catch {
            throw CaseError("line \(error.line): \(error.problem)")
        }
    }
}
