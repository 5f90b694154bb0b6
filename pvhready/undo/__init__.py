"""The undo of the decompression hack: the only room that changes a guest, step by step, with a journal and a way back."""
