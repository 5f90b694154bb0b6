"""What disks and images hold: file systems, partition tables, LUKS and LVM headers. Pure: bytes in, records out."""
