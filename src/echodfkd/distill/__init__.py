import echodfkd.vision  # noqa: F401  before anything in here imports lightning
