"""The formula of SSIM (Wang et al. 2004, IEEE TIP 13(4)) for arrays of any library, without Keras and OpenCV."""

WINDOW = 11
"""Side of the Gaussian window in pixels."""

SIGMA = 1.5
"""Standard deviation of the Gaussian window in pixels."""


def ssim_map(hr, sr, blur):
    """SSIM at each place (Wang et al. 2004, equation 13); K1 0.01, K2 0.03, range 255.

    Args:
        hr: float array of any library.
        sr: the same shape.
        blur: a function from an array to its weighted mean over the window around each place.

    Returns:
        An array of the shape that `blur` returns.
    """
    mean_hr, mean_sr = blur(hr), blur(sr)
    variance_hr = blur(hr * hr) - mean_hr * mean_hr
    variance_sr = blur(sr * sr) - mean_sr * mean_sr
    covariance = blur(hr * sr) - mean_hr * mean_sr
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_hr * mean_sr + c1) / (mean_hr * mean_hr + mean_sr * mean_sr + c1)
    structure = (2 * covariance + c2) / (variance_hr + variance_sr + c2)
    return luminance * structure
