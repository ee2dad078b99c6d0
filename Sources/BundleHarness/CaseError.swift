// What is wrong with a case, as opposed to what is wrong with a runtime.

/// A case that cannot be run, with the key that is at fault.
package struct CaseError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// The same fault, seen from further out.
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
