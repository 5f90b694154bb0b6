"""Is this Xen guest ready to be switched from PV to PVH?"""

__version__ = "0.1.0"
