"""GRUB 2 as the host runs it: its script language, its menu, its environment block.

Pure: files and devices come in through ``devices.Devices``, a menu comes out. Every module keeps to what GRUB does
(measured with pvhgrub and pvgrub2 2.06, and read in GRUB's source where no measurement was made), not to what a
shell would do.
"""
