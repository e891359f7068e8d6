using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace CacheProxy.Fetching;

/// <summary>A cluster's model without session affinity, made once for each model that YARP makes.</summary>
internal static class ClusterWithoutAffinity
{
    private static readonly ConditionalWeakTable<ClusterModel, ClusterModel> Models = [];

    public static ClusterModel Of(ClusterModel cluster) =>
        cluster.Config.SessionAffinity?.Enabled is true
            ? Models.GetValue(cluster, static model => new ClusterModel(model.Config with { SessionAffinity = null }, model.HttpClient))
            : cluster;
}
