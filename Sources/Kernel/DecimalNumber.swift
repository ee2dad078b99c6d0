// Numbers with a fraction. Swift's own conversion is a part of its runtime, which release builds leave out.

internal import Glibc

/// A number such as `1.5` or `2e3`; nil for any other text, infinities and hexadecimal numbers among them. strtod(3).
package func decimalNumber(_ text: Substring) -> Double? {
    let characters = "0123456789.eE+-".utf8
    guard !text.isEmpty, text.utf8.allSatisfy({ characters.contains($0) }) else { return nil }
    return unsafe String(text).withCString { start in
        var end: UnsafeMutablePointer<CChar>?
        let number = unsafe strtod(start, &end)
        guard let end = unsafe end, unsafe end.pointee == 0, number.isFinite else { return nil }
        return number
    }
}
