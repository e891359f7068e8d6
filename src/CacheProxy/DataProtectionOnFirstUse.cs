using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace CacheProxy;

/// <summary>
/// YARP brings Data Protection for its Cookie affinity, asks for a protector at every start, and the start makes a key in the home folder,
/// or warns that it cannot. With this the key is made, and the warning given, when affinity first needs it.
/// </summary>
internal sealed class DataProtectionOnFirstUse(Lazy<IDataProtectionProvider> provider) : IDataProtectionProvider
{
    public static void AddTo(IServiceCollection services)
    {
        foreach (var atStart in services.Where(s => s.ImplementationType?.Name == "DataProtectionHostedService").ToArray())
            services.Remove(atStart);
        var real = services.Single(s => s.ServiceType == typeof(IDataProtectionProvider)).ImplementationFactory!;
        services.Replace(ServiceDescriptor.Singleton<IDataProtectionProvider>(
            all => new DataProtectionOnFirstUse(new Lazy<IDataProtectionProvider>(() => (IDataProtectionProvider)real(all)))));
    }

    public IDataProtector CreateProtector(string purpose) => new Protector(new Lazy<IDataProtector>(() => provider.Value.CreateProtector(purpose)));

    private sealed class Protector(Lazy<IDataProtector> protector) : IDataProtector
    {
        public IDataProtector CreateProtector(string purpose) => new Protector(new Lazy<IDataProtector>(() => protector.Value.CreateProtector(purpose)));

        public byte[] Protect(byte[] plaintext) => protector.Value.Protect(plaintext);

        public byte[] Unprotect(byte[] protectedData) => protector.Value.Unprotect(protectedData);
    }
}
