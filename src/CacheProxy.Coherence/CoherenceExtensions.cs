using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheProxy.Coherence;

/// <summary>Adds a node to a host.</summary>
public static class CoherenceExtensions
{
    /// <summary>
    /// Adds the process's one <see cref="CoherenceNode"/>, started and stopped with the host. Options that are out of range stop the start, all complaints at once.
    /// </summary>
    /// <param name="services">Where to.</param>
    /// <param name="section">Section of the configuration that the options come from, as complaints name it.</param>
    public static IServiceCollection AddCoherence(this IServiceCollection services, string section = "Coherence")
    {
        services.AddOptions<CoherenceOptions>().BindConfiguration(section).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<CoherenceOptions>>(new CoherenceOptionsValidator(section + ":")));
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.TryAddSingleton(at => CoherenceNode.Create(
            at.GetRequiredService<IOptions<CoherenceOptions>>().Value, at.GetRequiredService<TimeProvider>(), at.GetRequiredService<ILoggerFactory>(),
            at.GetRequiredService<IMeterFactory>()));
        services.AddHostedService<Starter>();
        return services;
    }

    private sealed class Starter(CoherenceNode node) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellation) => await node.StartAsync(cancellation);

        public Task StopAsync(CancellationToken cancellation) => Task.CompletedTask; // the container disposes of the node
    }
}
