namespace CacheProxy.Fetching;

/// <summary>All flights that have begun and not ended, shared or not, so that none outlives the service. The lock guards the list.</summary>
internal sealed class FlightsUnderWay : IDisposable
{
    private readonly Lock _lock = new();
    private Flight? _first;
    private bool _isStopped;

    public void Add(Flight flight)
    {
        bool isLate;
        lock (_lock)
        {
            isLate = _isStopped;
            flight.Next = _first;
            if (_first is not null)
                _first.Previous = flight;
            _first = flight;
        }
        if (isLate)
            flight.Stop();
    }

    public void Remove(Flight flight)
    {
        lock (_lock)
        {
            if (flight.Previous is not null)
                flight.Previous.Next = flight.Next;
            else if (_first == flight)
                _first = flight.Next;
            if (flight.Next is not null)
                flight.Next.Previous = flight.Previous;
            flight.Next = flight.Previous = null;
        }
    }

    /// <summary>Stops them all, and every one that begins from now on.</summary>
    public void Dispose()
    {
        var flights = new List<Flight>();
        lock (_lock)
        {
            _isStopped = true;
            for (var flight = _first; flight is not null; flight = flight.Next)
                flights.Add(flight);
        }
        foreach (var flight in flights)
            flight.Stop();
    }
}
