// Finds repeated names in a list, in linear time however long the list is.

internal import Kernel

/// Names, each with the position of its first occurrence.
struct EarlierNames {
    private var few: [ByteKey] = []
    private var many: [ByteKey: Int] = [:]
    // Up to this count a linear search is faster than hashing; usual configs stay below it.
    private static let most = 16

    /// Records the next name of the list.
    /// - Returns: the position of an earlier occurrence, if there is one.
    mutating func place(of name: String, at place: Int) -> Int? {
        let name = ByteKey(name)
        if many.isEmpty {
            if let earlier = few.firstIndex(of: name) { return places[earlier] }
            if few.count < Self.most {
                few.append(name)
                places.append(place)
                return nil
            }
            for (index, name) in few.enumerated() { many[name] = places[index] }
        }
        if let earlier = many[name] { return earlier }
        many[name] = place
        return nil
    }

    private var places: [Int] = []
}
