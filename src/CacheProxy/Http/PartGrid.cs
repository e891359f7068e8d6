namespace CacheProxy.Http;

/// <summary>How a body is divided into parts: all of one size, but for the last, which may be shorter.</summary>
/// <param name="Size">In bytes.</param>
/// <param name="CompleteLength">The length of the whole, in bytes.</param>
internal readonly record struct PartGrid(int Size, long CompleteLength)
{
    /// <summary>So many parts are looked at for the end of what is missing; beyond them all is taken for missing.</summary>
    public const int LookAhead = 256;

    /// <summary>How many parts there are.</summary>
    public long Count => (CompleteLength + Size - 1) / Size;

    /// <summary>The part that has the byte at that place.</summary>
    public long IndexOf(long place) => place / Size;

    /// <summary>The bytes of the parts from one to another, both among them.</summary>
    public ContentRange RangeOf(long first, long last) => new(first * Size, Math.Min((last + 1) * Size, CompleteLength) - 1, CompleteLength);

    /// <summary>The first run of parts that are missing, of those from <paramref name="first"/> to <paramref name="last"/>; <c>null</c> when none is.</summary>
    public static (long First, long Last)? FirstMissing(long first, long last, Func<long, bool> isStored)
    {
        while (first <= last && isStored(first))
            first++;
        if (first > last)
            return null;
        var end = first + 1;
        while (end <= last && end - first < LookAhead && !isStored(end))
            end++;
        return (first, end - first == LookAhead ? last : end - 1);
    }
}
