// Paths as text; no file is accessed.

/// A path without `.`, `..`, doubled or trailing slashes; `..` stops at "/". Links are not followed.
///
/// About fifty paths are cleaned for every container, and nearly all of them are clean already. For the others bytes
/// are put together: appending a `Substring` to a `String` goes through unspecialized generic code.
package func cleanPath(_ path: String) -> String {
    if path.isCleanPath { return path }
    let slash = UInt8(ascii: "/")
    var result: [UInt8] = []
    result.reserveCapacity(path.utf8.count + 1)
    for part in path.utf8.split(separator: slash) {
        if part.elementsEqual(".".utf8) { continue }
        if part.elementsEqual("..".utf8) {
            if let last = result.lastIndex(of: slash) { result.removeSubrange(last...) }
            continue
        }
        result.append(slash)
        result.append(contentsOf: part)
    }
    return result.isEmpty ? "/" : String(decoding: result, as: UTF8.self)
}

extension String {
    /// Whether `cleanPath` would change nothing.
    fileprivate var isCleanPath: Bool {
        var text = self
        return text.withUTF8 { bytes in
            guard unsafe bytes.first == UInt8(ascii: "/"), bytes.count > 1 else {
                return unsafe bytes.count == 1 && bytes[0] == UInt8(ascii: "/")
            }
            var length = 0
            var dots = 0
            for index in 1..<bytes.count {
                if unsafe bytes[index] != UInt8(ascii: "/") {
                    length += 1
                    if unsafe bytes[index] == UInt8(ascii: ".") { dots += 1 }
                    continue
                }
                if length == dots, length <= 2 { return false }
                length = 0
                dots = 0
            }
            return length != dots || length > 2
        }
    }
}

extension String {
    /// The directory part of a path, to be opened.
    package var directoryPart: String {
        utf8.lastIndex(of: UInt8(ascii: "/")).map { String(self[...$0]) } ?? "."
    }
}
