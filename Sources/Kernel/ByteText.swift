// Text functions that work on bytes, because the kernel's names are bytes.
//
// A Swift Character can consist of several scalars: "/" followed by a combining mark is not equal to "/", "\r\n" is
// one Character and not equal to "\n", and two spellings of "é" are equal. Splitting a path by Characters would
// differ from the kernel's view: a name could contain a slash. Therefore these functions, and their callers, never
// split text by Character.

/// An ASCII character at which text is split.
package struct ASCIIByte: ExpressibleByUnicodeScalarLiteral, Sendable {
    package let value: UInt8
    package init(unicodeScalarLiteral scalar: Unicode.Scalar) { value = UInt8(truncatingIfNeeded: scalar.value) }
}

extension Substring {
    /// The parts between bytes; empty parts are omitted by default.
    package func split(
        at byte: ASCIIByte, maxSplits: Int = .max, omittingEmptySubsequences omitsEmpty: Bool = true
    ) -> [Substring] {
        utf8.split(separator: byte.value, maxSplits: maxSplits, omittingEmptySubsequences: omitsEmpty)
            .map(Substring.init)
    }

    package var isAbsolutePath: Bool { utf8.first == UInt8(ascii: "/") }
}

extension String {
    /// The parts between bytes; empty parts are omitted by default.
    package func split(
        at byte: ASCIIByte, maxSplits: Int = .max, omittingEmptySubsequences omitsEmpty: Bool = true
    ) -> [Substring] {
        self[...].split(at: byte, maxSplits: maxSplits, omittingEmptySubsequences: omitsEmpty)
    }

    package var isAbsolutePath: Bool { utf8.first == UInt8(ascii: "/") }

    /// The rest of a path below a directory, with its first slash; nil if the path is not below it.
    package func path(below directory: String) -> String? {
        let rest = utf8.dropFirst(directory.utf8.count)
        guard utf8.starts(with: directory.utf8), rest.first == UInt8(ascii: "/") else { return nil }
        return String(Substring(rest))
    }

    /// Whether both strings have the same bytes.
    package func isSame(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

/// Text as a dictionary key, compared by bytes.
package struct ByteKey: Hashable, Sendable {
    private let text: Substring
    package init(_ text: Substring) { self.text = text }
    package init(_ text: String) { self.text = text[...] }

    package static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
